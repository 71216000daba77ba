"""Which retrievers are compared, and among which candidates they are tuned."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from sklearn.base import clone

from sklearn_xmodal.cross_decomposition import (
    AdapterRetriever,
    CCARetriever,
    CosineRetriever,
    KCCARetriever,
)
from sklearn_xmodal.linear_model import SemanticMatchingRetriever
from sklearn_xmodal.protocols._checks import check_protocol

_TARGET_CLASSES = {"standard": "seen", "extendable": "unseen", "generalized": "both"}


class Budget(NamedTuple):
    """How much tuning a method gets, the same for all methods.

    Parameters
    ----------
    n_candidates : int, default=3
        Candidates of a method that are compared, the last ones of its list.

    n_folds : int, default=3
        Inner folds that they are compared on.

    max_steps : int, default=None
        Length of the training of a network, `None` for its own default.

    Examples
    --------
    >>> from sklearn_xmodal.protocols import Budget
    >>> Budget(n_folds=2)
    Budget(n_candidates=3, n_folds=2, max_steps=None)
    """

    n_candidates: int = 3
    n_folds: int = 3
    max_steps: int | None = None


#: For figures to be believed: three candidates on three folds.
FULL = Budget()
#: To see whether all works: two candidates on two folds, and 150 steps of a network.
QUICK = Budget(n_candidates=2, n_folds=2, max_steps=150)


@dataclass(frozen=True)
class Method:
    """A retriever with the settings it is tuned over.

    Parameters
    ----------
    title : str
        Name in tables.

    build : estimator or callable
        A retriever or Pipeline that ends in one, unfitted; each fit is of a clone,
        which gets the seed as `random_state` and the budget's `max_steps`, where it has
        these parameters. Or ``build(random_state, budget, protocol)``, which returns
        one.

    candidates : list of dict
        Settings to choose from, one dict of parameters each; ``[{}]`` for nothing to
        choose. To be fair to others, no more than three.

    needs_labels : bool, default=False
        Whether it cannot be fitted without labels.

    while_tuning : dict, default=None
        Parameters that make the search cheaper, not used for what comes out of it.

    unseen_candidates : list of dict, default=None
        Candidates for classes that training does not see, the extendable and the
        generalized protocol. `None` for the same.

    trains_network : bool, default=False
        Whether it is of `sklearn_xmodal.deep`: its fits then run in threads, and tell
        of their epochs.

    is_joint : bool, default=False
        Whether it is for vectors of one joint model, such as CLIP's. It gets the
        features at unit length, nothing else is done to them, and it is left out where
        images and texts differ in width.

    Raises
    ------
    TypeError
        If the candidates are no list of dicts, but a grid, for example.

    ValueError
        If there are no candidates.

    See Also
    --------
    tune : Choose among the candidates of a method.

    Examples
    --------
    >>> from sklearn_xmodal import RidgeRetriever
    >>> from sklearn_xmodal.protocols import Method
    >>> ridge = Method("ridge", RidgeRetriever(), [{"alpha": a} for a in (0.1, 1, 10)])
    >>> ridge.candidates_for("standard", 2)
    [{'alpha': 1}, {'alpha': 10}]
    """

    title: str
    build: Any
    candidates: list
    needs_labels: bool = False
    while_tuning: dict | None = None
    unseen_candidates: list | None = None
    trains_network: bool = False
    is_joint: bool = False

    def __post_init__(self):
        for candidates in (self.candidates, self.unseen_candidates or [{}]):
            is_list = isinstance(candidates, list | tuple)
            if not is_list or not all(isinstance(c, dict) for c in candidates):
                raise TypeError(
                    "candidates must be a list of dicts, one per candidate. Got "
                    f"{candidates!r} for {self.title!r}. list(ParameterGrid(...)) "
                    "makes one of a grid."
                )
        if not self.candidates:
            raise ValueError(
                "candidates must hold one dict of parameters or more. Got none for "
                f"{self.title!r}. Use [{{}}] where there is nothing to choose."
            )

    def candidates_for(self, protocol, n_candidates=None):
        """Return what to choose from, the last ones of the list.

        Parameters
        ----------
        protocol : {"standard", "extendable", "generalized"}
            What the retriever is for.

        n_candidates : int, default=None
            How many, `None` for all.

        Returns
        -------
        candidates : list of dict
            Parameters of the retriever.

        Raises
        ------
        ValueError
            If the protocol is not known.
        """
        check_protocol(protocol)
        found = self.candidates
        if protocol != "standard" and self.unseen_candidates is not None:
            found = self.unseen_candidates
        return found[-n_candidates:] if n_candidates else found

    def make_retriever(self, protocol="standard", *, budget=None, random_state=None):
        """Return a new retriever, unfitted.

        Parameters
        ----------
        protocol : {"standard", "extendable", "generalized"}, default="standard"
            What it is for.

        budget : Budget, default=None
            Length of the training of a network, `None` for `FULL`.

        random_state : int or None, default=None
            Its seed.

        Returns
        -------
        retriever : estimator
            Without the parameters of any candidate.

        Raises
        ------
        ValueError
            If the protocol is not known.
        """
        check_protocol(protocol)
        budget = FULL if budget is None else budget
        if not hasattr(self.build, "fit"):
            return self.build(random_state, budget, protocol)
        retriever = clone(self.build)
        params = {"random_state": random_state, "max_steps": budget.max_steps}
        known = retriever.get_params(deep=False)
        return retriever.set_params(
            **{k: v for k, v in params.items() if k in known and v is not None}
        )


def split_by_width(methods, pairs):
    """Return methods that can be fitted to pairs, by name, and why not the others.

    The second is the end of a sentence, empty where there are no others.
    """
    joint = [name for name in methods if getattr(methods[name], "is_joint", False)]
    image, text = (_describe_width(side) for side in (pairs.image, pairs.text))
    if not joint or image == text:
        return methods, ""
    kept = {name: method for name, method in methods.items() if name not in joint}
    return kept, (
        f"{', '.join(joint)} (for vectors of one joint model, such as CLIP's, so of "
        f"one width): got {image} image features and {text} text features"
    )


def _describe_width(side):
    shape: tuple = getattr(side, "shape", ())
    return f"{shape[1]:,}" if len(shape) == 2 else "no"


def _build_msln(random_state, budget, protocol):
    from sklearn_xmodal.deep import MSLNRetriever

    length = {} if budget.max_steps is None else {"max_steps": budget.max_steps}
    return MSLNRetriever(
        target_classes=_TARGET_CLASSES[protocol], random_state=random_state, **length
    )


#: Methods of the command line by name: "cosine", "adapter" and "text-adapter" (for
#: vectors of one joint model), "cca", "kcca", "sm" (semantic matching) and "msln". None
#: has more than three candidates.
METHODS = {
    "cosine": Method(
        "raw cosine (nothing fitted)", CosineRetriever(), [{}], is_joint=True
    ),
    "adapter": Method(
        "adapter",
        AdapterRetriever(),
        [{"alpha": a} for a in (30, 100, 300)],
        is_joint=True,
    ),
    "text-adapter": Method(
        "text adapter",
        AdapterRetriever(adapt="text"),
        [{"alpha": a} for a in (30, 100, 300)],
        is_joint=True,
    ),
    "cca": Method("CCA", CCARetriever(), [{"alpha": a} for a in (0.1, 1, 10)]),
    "kcca": Method("KCCA", KCCARetriever(), [{"alpha": a} for a in (1, 10, 100)]),
    "sm": Method(
        "semantic matching",
        SemanticMatchingRetriever(),
        [{"C": C} for C in (0.01, 0.1, 1.0)],
        needs_labels=True,
    ),
    "msln": Method(
        "MSLN",
        _build_msln,  # not the retriever, which would load torch
        [{"n_input_components": n} for n in ((64, 64), "auto")],
        needs_labels=True,
        while_tuning={"n_estimators": 1},
        # The defaults. Folds that hold out some of few classes would choose by chance.
        unseen_candidates=[{}],
        trains_network=True,
    ),
}
