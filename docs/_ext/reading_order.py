"""In which order to read: of examples, and from page to page."""

from pathlib import Path

#: Folder -> its examples.
ORDER = {
    "first": ("first_retrieval", "find_by_name", "own_files"),
    "methods": (
        "compare_methods", "unseen_classes", "class_names", "few_shot",
        "choosing_alpha", "grid_search",
    ),
    "models": (
        "diagnose", "precision_recall", "joint_space", "loss_curves", "losses",
        "class_embeddings",
    ),
    "galleries": ("mixed_gallery", "multilabel", "large_search"),
}  # fmt: skip


class ReadingOrder:
    """Sort key of sphinx-gallery within a folder."""

    def __init__(self, folder):
        self.names = ORDER.get(Path(folder).name, ())

    def __call__(self, filename):
        """Return the place of an example."""
        return self.names.index(Path(filename).stem.removeprefix("plot_"))


def setup(app):
    """Register this with Sphinx."""
    app.connect("html-page-context", choose_next)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def choose_next(app, pagename, templatename, context, doctree):
    """Leave out the links to both neighbours where a page has words for them."""
    has_words = pagename == "index" or pagename.startswith("user_guide/")
    context["theme_show_prev_next"] = not has_words
