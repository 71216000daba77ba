"""The order of the examples: that in which to read them."""

from pathlib import Path

#: Folder -> its examples.
ORDER = {
    "first": ("first_retrieval", "find_by_name", "own_files"),
    "methods": (
        "compare_methods", "unseen_classes", "few_shot", "choosing_alpha",
        "grid_search",
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
