"""What all displays share: input forms, axes, and classes as numbers."""

import inspect
from typing import Any, ClassVar

import numpy as np

from sklearn_xmodal.metrics._engine._codes import (
    check_pairs,
    labelled_codes,
    split_codes,
)
from sklearn_xmodal.metrics._engine._costs import CosineCosts
from sklearn_xmodal.metrics._engine._groups import check_groups
from sklearn_xmodal.metrics._engine._options import DIRECTIONS
from sklearn_xmodal.utils._containers import check_same_index, check_same_indexes
from sklearn_xmodal.utils._optional import check_matplotlib
from sklearn_xmodal.utils._validation import as_labels, encode_labels

WORDS = {direction: direction.replace("_", " ") for direction in DIRECTIONS}

# Okabe and Ito (2008) without yellow, which vanishes on white. `palette` has them with
# white in the place of black on dark axes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7",
           "#000000", "#888888")  # fmt: skip


class Display:
    """Base of all displays: where they draw."""

    def _axes(self, ax, **figure_options):
        """Use the given axes, or make a figure; remember both."""
        check_matplotlib(f"{type(self).__name__}.plot")
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(layout="constrained", **figure_options)
        self.ax_, self.figure_ = ax, ax.figure
        return ax


class RetrievalDisplay(Display):
    """Base of the displays of codes: from an estimator is from the codes it returns."""

    from_predictions: ClassVar[Any]
    # Whether pairs without a label may be missing, as in scores of estimators.
    _leaves_out = True

    @classmethod
    def from_estimator(
        cls, estimator, X_img, X_txt=None, y=None, *, groups=None, **kwargs
    ):
        """Encode pairs with a fitted estimator and plot.

        Parameters
        ----------
        estimator : estimator instance
            A fitted retriever, or a Pipeline or search that ends in one.

        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Image features, pairs, or a stacked matrix.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            Text features in the two-array form. Beside pairs, or where the estimator
            has `n_image_features` set, the argument in this place is `y`.

        y : array-like of shape (n_samples,), default=None
            Labels, as in `from_predictions`. Pairs without one (-1, None or NaN) are
            left out, as in scores, but for items that are shown by themselves.

        groups : array-like of shape (n_samples,), default=None
            Ids of repeated pictures, as in `from_predictions`.

        **kwargs : dict
            Further keyword arguments of `from_predictions`.

        Returns
        -------
        display : object
            The display, plotted.

        Raises
        ------
        TypeError
            If there is an argument too many for the form of the input.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        Z_img, Z_txt, y = encode_pairs(estimator, X_img, X_txt, y, groups)
        if cls._leaves_out:
            Z_img, Z_txt, y, _, groups = labelled_codes(Z_img, Z_txt, y, groups=groups)
        kwargs = {**cls._estimator_options(estimator), "groups": groups, **kwargs}
        return cls.from_predictions(Z_img, Z_txt, y, **kwargs)

    @classmethod
    def _estimator_options(cls, estimator):
        """Options of `from_predictions` that an estimator implies."""
        return {}


def ink(ax):
    """Return "black" or "white", whichever shows on what lies behind the axes."""
    from matplotlib.colors import to_rgba

    layers = [ax.figure.canvas.figure.get_facecolor(), ax.figure.get_facecolor()]
    if ax.axison:
        layers.append(ax.get_facecolor())
    grey = 1.0  # paper
    for colour in layers:
        red, green, blue, alpha = to_rgba(colour)
        grey += alpha * (0.3 * red + 0.59 * green + 0.11 * blue - grey)
    return "white" if grey < 0.5 else "black"


def palette(ax):
    """Return the colours of classes and curves, all of which show on the axes."""
    return [ink(ax) if colour == "#000000" else colour for colour in COLOURS]


def settle_layout(figure):
    """Let a figure move its axes now, so that sizes in points can be relied on."""
    root = figure.canvas.figure  # also of a subfigure
    if root.get_layout_engine() is not None:
        root.draw_without_rendering()


def encode_pairs(estimator, X_img, X_txt, y, groups=None):
    """Codes and labels of a call in any of the three forms.

    The type of the first argument and `n_image_features` decide whether the second
    one is `y`, as in the estimators.
    """
    is_pairs = _is_pairs(X_img)
    if is_pairs or _expects_stacked(estimator):
        if X_txt is not None and y is not None:
            form = "pairs" if is_pairs else "one stacked matrix"
            raise TypeError(
                f"from_estimator takes {form} and y. Got a third data argument."
            )
        X_txt, y = None, X_txt if y is None else y
    check_same_indexes({"X_img": X_img, "X_txt": X_txt, "y": y, "groups": groups})
    if X_txt is None:
        codes = estimator.transform(X_img)
    elif _takes_two(estimator.transform):
        codes = estimator.transform(X_img, X_txt)
    else:
        raise TypeError(
            f"transform of {type(estimator).__name__} takes one argument: pass "
            "ImageTextPairs or one stacked matrix, and labels as y=. Got "
            f"{type(X_txt).__name__} as the second argument."
        )
    return *split_codes(codes), y


def _is_pairs(X):
    # A column of a table may be called "image".
    return hasattr(X, "image") and hasattr(X, "text") and not hasattr(X, "columns")


def _expects_stacked(estimator):
    """Whether `n_image_features` is set, in any step of a pipeline or search."""
    if not hasattr(estimator, "get_params"):
        return getattr(estimator, "n_image_features", None) is not None
    return any(
        value is not None and name.split("__")[-1] == "n_image_features"
        for name, value in estimator.get_params().items()
    )


def _takes_two(function):
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    return True


class ShownPairs:
    """Codes of pairs whose pictures may repeat: of each modality, items and rows."""

    def __init__(self, Z_img, Z_txt, groups=None):
        Z_img, Z_txt = check_pairs(Z_img, Z_txt)
        check_same_index(Z_img, groups, ("Z_img", "groups"))
        self.n_pairs = len(Z_txt)
        every = np.arange(self.n_pairs)
        pictures = check_groups(groups, self.n_pairs, "groups")
        #: Number of the picture of each pair.
        self.picture = every if pictures is None else pictures.items
        #: Of each modality, the first row of every item.
        self.rows = {"image": every, "text": every}
        if pictures is not None:
            self.rows["image"] = pictures.first
            Z_img = pictures.codes_once(Z_img, "Z_img")
        self.codes = {"image": Z_img, "text": Z_txt}
        self._pictures = pictures

    def check_labels(self, labels):
        """Refuse labels (n_pairs,) that differ between rows of one picture."""
        if self._pictures is not None:
            self._pictures.labels_once(labels, "y")

    def costs(self, direction):
        """Costs of one modality's codes as queries against the other's."""
        query, _, gallery = direction.split("_")
        return CosineCosts(self.codes[query], self.codes[gallery])


def check_one_each(items, n, name, what):
    """Refuse what does not hold one entry for each of n things."""
    if not hasattr(items, "__len__") or len(items) != n:
        got = len(items) if hasattr(items, "__len__") else type(items).__name__
        raise ValueError(f"{name} must hold one {what}, so {n}. Got {got}.")


def encode_classes(y, n_samples, *, purpose):
    """Sorted class names, and the number of the class of each pair.

    Names that cannot be compared with each other stay in the order of appearance.
    """
    given, y = y, as_labels(y)
    if y.shape != (n_samples,):
        raise ValueError(
            f"{purpose} needs one label per pair: y must be 1-D with {n_samples} "
            f"entries. Got {'none' if given is None else f'shape {y.shape}'}."
        )
    return encode_labels(y)
