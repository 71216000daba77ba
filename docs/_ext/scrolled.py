"""Plots of examples scroll on phones, where their letters would be too small."""

from docutils import nodes
from sphinx_gallery.directives import imgsgnode


def wrap_plots(app, doctree):
    """Put every plot of an example into a box that `site.css` knows."""
    for plot in list(doctree.findall(imgsgnode)):
        # A bare box: that of docutils has margins of its own.
        box = nodes.container(
            is_div=True, design_component="scrolled", classes=["scrolled"]
        )
        plot.replace_self(box)
        box += plot


def setup(app):
    """Wrap when a page has been read."""
    app.connect("doctree-read", wrap_plots)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
