"""Formulas as MathML, which browsers draw by themselves.

MathJax would come from another machine at every visit, and pages read from a
disk would show raw TeX. The converter is that of docutils.
"""

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.logging import getLogger

_logger = getLogger(__name__)


def _mathml(node, as_block):
    try:
        return tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        _logger.warning(
            "a formula must be TeX that docutils can turn into MathML. Got %r: %s",
            node.astext(), error, location=node,
        )  # fmt: skip
        return ""


def _visit_inline(translator, node):
    translator.body.append(f'<span class="math">{_mathml(node, as_block=False)}</span>')
    raise SkipNode


def _visit_block(translator, node):
    translator.body.append(f'<div class="math">{_mathml(node, as_block=True)}</div>\n')
    raise SkipNode


def setup(app):
    """Register the renderer that ``html_math_renderer = "mathml"`` names."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
