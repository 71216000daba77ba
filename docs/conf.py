"""How Sphinx builds the site. `make docs` runs it, with warnings as errors."""

import os
import sys
from pathlib import Path

# Before numpy and torch are loaded: examples must not depend on the machine.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_ext"))

sys.path.insert(0, str(DOCS.parent))  # benchmarks

from reading_order import ORDER  # noqa: E402

import sklearn_xmodal  # noqa: E402

project = "sklearn-xmodal"
author = "The sklearn-xmodal developers"
project_copyright = "the sklearn-xmodal developers, BSD-3-Clause"
version = release = sklearn_xmodal.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # In _ext.
    "benchmark_pictures",
    "benchmark_pages",
    "folded",
    "landing_picture",
    "mathml",
    "measured",
    "reading_order",
    "reference",
    "scrolled",
]
# What builds of earlier versions left at the top of auto_examples is no page.
exclude_patterns = ["_build", "benchmarks/_*", "examples", "auto_examples/plot_*"]
templates_path = ["_templates"]
nitpicky = True
# Other packages: their pages are known with XMODAL_DOCS_INTERSPHINX=1 only.
nitpick_ignore_regex = [
    ("py:.*", rf"{package}(\..*)?")
    for package in ("dask", "faiss", "joblib", "matplotlib", "numpy", "pandas", "scipy",
                    "skimage", "sklearn", "skops", "skorch", "torch")
]  # fmt: skip

# Links to the pages of other packages need their inventories from the network.
if os.environ.get("XMODAL_DOCS_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "matplotlib": ("https://matplotlib.org/stable/", None),
        "numpy": ("https://numpy.org/doc/stable/", None),
        "python": ("https://docs.python.org/3/", None),
        "scipy": ("https://docs.scipy.org/doc/scipy/", None),
        "skimage": ("https://scikit-image.org/docs/stable/", None),
        "sklearn": ("https://scikit-learn.org/stable/", None),
        "skorch": ("https://skorch.readthedocs.io/en/stable/", None),
        "torch": ("https://docs.pytorch.org/docs/stable/", None),
    }

# -- Markdown
myst_enable_extensions = [
    "amsmath",
    "attrs_block",
    "colon_fence",
    "deflist",
    "dollarmath",
]
myst_heading_anchors = 3

# -- Reference
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
toc_object_entries_show_parents = "hide"

# -- Examples: all run at every build, and an error ends it.
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "api/examples",
    "doc_module": ("sklearn_xmodal",),
    "reference_url": {"sklearn_xmodal": None},
    "subsection_order": [f"examples/{folder}" for folder in ORDER],
    "within_subsection_order": "reading_order.ReadingOrder",
    "thumbnail_size": (600, 420),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 10,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "remove_config_comments": True,
}

# -- Pages
html_title = "sklearn-xmodal"
html_theme = "pydata_sphinx_theme"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/logo.svg"
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = None  # two builds give the same bytes
html_theme_options = {
    "logo": {"image_light": "_static/logo.svg", "image_dark": "_static/logo.svg",
             "text": "sklearn-xmodal"},
    "header_links_before_dropdown": 5,
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}  # fmt: skip
html_sidebars = {
    name: []
    for name in ("index", "getting_started", "benchmarks", "conventions",
                 "contributing", "changelog")
}  # fmt: skip
