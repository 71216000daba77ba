"""What the API reference needs beside autodoc."""

import inspect
import pkgutil
import re

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import import_object

from sklearn_xmodal.cli._program import build_xmodal_parser

# Code between backticks stays as it is; a word that ends in an underscore does not.
_WORD_OR_CODE = re.compile(r"(``.*?``|`.*?`)|\b([A-Za-z]\w*)_(?![\w`{\\])")


def _is_own(member):
    function = member.fget if isinstance(member, property) else member
    module = getattr(inspect.unwrap(function), "__module__", None) or ""
    return module.startswith("sklearn_xmodal")


def _skip_member(app, what, name, member, skip, options):
    """Leave out what scikit-learn wrote; None keeps the usual choice.

    These docstrings point into scikit-learn's own guide, which is not here.
    """
    if what == "class" and callable(member) and not _is_own(member):
        return True
    return None


def _escape_underscores(app, what, name, obj, options, lines):
    """Keep docutils from taking ``n_components_`` in prose and types for a link."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = _WORD_OR_CODE.sub(lambda m: m[1] or rf"{m[2]}\_", line)


def _describe_constants(app, what, name, obj, options, lines):
    """Take the comment above a constant, which autodoc seeks where it is imported."""
    if what != "data":
        return
    package, _, constant = name.rpartition(".")
    for module in pkgutil.iter_modules(import_object(package).__path__, f"{package}."):
        comments = ModuleAnalyzer.for_module(module.name).find_attr_docs()
        if ("", constant) in comments:
            lines[:] = comments["", constant]


class Inherited(Directive):
    """List the public methods that a class has from another package."""

    required_arguments = 1

    def run(self):
        """Return one line, or nothing where there are none."""
        cls = import_object(self.arguments[0])
        names = [
            name
            for name, member in inspect.getmembers(cls, callable)
            if not name.startswith("_") and not _is_own(member)
        ]
        if not names or not hasattr(cls, "get_params"):
            return []
        line = nodes.paragraph("", "As everywhere in scikit-learn: ")
        for i, name in enumerate(names):
            line += [nodes.Text(", " if i else ""), nodes.literal("", name)]
        line += nodes.Text(".")
        return [line]


class CommandHelp(Directive):
    """Show what ``--help`` prints: of `xmodal`, or of one of its commands."""

    optional_arguments = 1

    def run(self):
        """Return one block."""
        parser, commands = build_xmodal_parser()
        shown = commands[self.arguments[0]] if self.arguments else parser
        return [nodes.literal_block("", shown.format_help(), language="text")]


def setup(app):
    """Register the directives and the hook of autodoc."""
    app.add_directive("command-help", CommandHelp)
    app.add_directive("inherited", Inherited)
    app.connect("autodoc-skip-member", _skip_member)
    # Before numpydoc, to which the docstring of a tuple is one of this package.
    app.connect("autodoc-process-docstring", _describe_constants, priority=400)
    app.connect("autodoc-process-docstring", _escape_underscores, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
