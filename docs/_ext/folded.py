"""Long pages of the reference decide for the reader: a use, what matters, the rest.

Docstrings are complete, for `help`. On the site the example of a long one comes first,
then the parameters that are set most; everything else is below a line to click on.
"""

import inspect
import re

#: Full name -> parameters to show, the most important one first: of all classes and
#: functions with more than `MOST` parameters.
FIRST = {
    "sklearn_xmodal.MSLNRetriever": (
        "target_classes", "n_input_components", "n_estimators", "n_components",
        "max_steps",
    ),
    "sklearn_xmodal.DCCARetriever": (
        "n_components", "alpha", "n_input_components", "n_estimators", "max_steps",
    ),
    "sklearn_xmodal.ContrastiveRetriever": (
        "positives", "n_components", "n_input_components", "n_estimators", "max_steps",
    ),
    "sklearn_xmodal.ACMRRetriever": (
        "n_components", "n_input_components", "n_estimators", "max_steps",
    ),
    "sklearn_xmodal.DSCMRRetriever": (
        "n_components", "n_input_components", "n_estimators", "max_steps",
    ),
    "sklearn_xmodal.ContrastiveAdapterRetriever": (
        "strength", "center", "positives", "max_steps",
    ),
    "sklearn_xmodal.KCCARetriever": (
        "alpha", "kernel", "gamma", "n_components", "approximation",
    ),
    "sklearn_xmodal.RetrievalIndex": (
        "retriever", "image", "text", "ids", "backend",
    ),
    "sklearn_xmodal.metrics.retrieval_score": (
        "Z_query", "Z_gallery", "y_query", "y_gallery", "metric", "k",
    ),
    "sklearn_xmodal.metrics.cross_modal_score": (
        "Z_img", "Z_txt", "y", "metric", "k", "direction",
    ),
    "sklearn_xmodal.metrics.mixed_gallery_score": (
        "Z_img", "Z_txt", "y", "metric", "k",
    ),
    "sklearn_xmodal.protocols.evaluate_split": (
        "method", "pairs", "y", "protocol", "split",
    ),
    "sklearn_xmodal.datasets.make_paired_multilabel": (
        "n_samples", "n_classes", "n_labels", "random_state",
    ),
}  # fmt: skip
MOST = 12
#: Page of the guide that says what to set.
GUIDE = {
    "sklearn_xmodal.MSLNRetriever": "msln",
    "sklearn_xmodal.DCCARetriever": "deep_neighbours",
    "sklearn_xmodal.ContrastiveRetriever": "deep_neighbours",
    "sklearn_xmodal.ACMRRetriever": "deep_neighbours",
    "sklearn_xmodal.DSCMRRetriever": "deep_neighbours",
    "sklearn_xmodal.ContrastiveAdapterRetriever": "joint_embeddings",
    "sklearn_xmodal.KCCARetriever": "estimators",
    "sklearn_xmodal.RetrievalIndex": "search",
    "sklearn_xmodal.metrics.retrieval_score": "metrics",
    "sklearn_xmodal.metrics.cross_modal_score": "metrics",
    "sklearn_xmodal.metrics.mixed_gallery_score": "joint_embeddings",
    "sklearn_xmodal.protocols.evaluate_split": "protocols",
}
#: Descriptions of more lines are folded.
_LINES = 20

_SECTION = re.compile(r":(\w+):$|\.\. (?:rubric::\s*(\w+)|(seealso)::)")
_ENTRY = re.compile(r"    \*\*\\?\*?(\w+?)(?:\\?_)?\*\*")


def _sections(lines):
    """Cut what numpydoc has made into (title, lines), the description first."""
    parts = [("Description", [])]
    for line in lines:
        if match := _SECTION.match(line):
            parts.append((next(filter(None, match.groups())), []))
        parts[-1][1].append(line)
    return parts


def _fold(title, lines, indent=""):
    """Put lines that are indented by `indent` below a line to click on."""
    inner = [f"   {line}" if line.strip() else "" for line in lines]
    return [f"{indent}.. dropdown:: {title}", "", *inner, ""]


def _fold_parameters(lines, first):
    """Show some entries, in their order, and fold the others."""
    head, entries = [], {}
    for line in lines:
        if match := _ENTRY.match(line):
            name = match[1]
            entries[name] = []
        (entries[name] if entries else head).append(line)
    shown = [line for name in first for line in entries.pop(name)]
    rest = [line for own in entries.values() for line in own]
    return [*head, *shown, "", *_fold(f"{len(entries)} more", rest, "    ")]


def _split_description(lines):
    """Return the first paragraph, or all where that is short, and the rest."""
    text = "\n".join(lines).strip("\n").split("\n")
    end = text.index("") if "" in text else len(text)
    return (text, []) if len(text) - end <= _LINES else (text[:end], text[end:])


def fold(name, lines):
    """Return the lines of a long docstring in the order of its page."""
    parts = dict(_sections(lines))
    summary, computes = _split_description(parts.pop("Description"))
    page = [*summary, "", *parts.pop("Examples", []), ""]
    if name in GUIDE:
        page += [f"What to set when: :doc:`/user_guide/{GUIDE[name]}`.", ""]
    page += _fold_parameters(parts.pop("Parameters"), FIRST[name])
    if attributes := parts.pop("Attributes", []):
        n = sum(bool(_ENTRY.match(line)) for line in attributes)
        page += [attributes[0], "", *_fold(f"{n} attributes", attributes[1:], "    ")]
    if computes:
        page += _fold("What it computes", computes)
    if len(parts.get("Notes", [])) > _LINES // 2:
        page += _fold("Notes", parts.pop("Notes")[1:])
    return [*page, *(line for own in parts.values() for line in ["", *own])]


def _fold_page(app, what, name, obj, options, lines):
    if name in FIRST:
        lines[:] = fold(name, list(lines))


def _shorten_signature(app, what, name, obj, options, signature, returns):
    """Show what has no default and what matters; the list has the rest."""
    if name not in FIRST:
        return None
    shown, previous = [], None
    for parameter in inspect.signature(obj).parameters.values():
        if parameter.name in FIRST[name] or parameter.default is parameter.empty:
            if previous and parameter.kind > previous and parameter.kind == 3:
                shown.append("*")
            previous = parameter.kind
            shown.append(str(parameter))
    return f"({', '.join(shown)}, ...)", returns


def setup(app):
    """Register both hooks: before numpydoc's signatures, after its sections."""
    app.connect("autodoc-process-signature", _shorten_signature, priority=400)
    app.connect("autodoc-process-docstring", _fold_page, priority=700)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
