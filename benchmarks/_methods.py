"""The compared methods: those of the package, and variants of networks."""

from dataclasses import replace

from sklearn_xmodal import CCARetriever, SemanticMatchingRetriever
from sklearn_xmodal.deep import ContrastiveRetriever, MSLNRetriever
from sklearn_xmodal.protocols import ALL_METHODS, Budget, Method

#: At most three candidates per method, two folds.
BUDGET = Budget(n_candidates=3, n_folds=2, max_steps=None)

_VARIANTS = {
    "contrastive": Method(
        "contrastive",
        ContrastiveRetriever(),
        [
            {"positives": "pairs"},
            {"positives": "classes"},
            {"positives": "classes", "dropout": 0.2},
        ],
        needs_labels=True,
        # Classes that are searched for among others do harm, in every trial.
        unseen_candidates=[{"temperature": t} for t in (0.05, 0.1, 0.2)],
        trains_network=True,
    ),
    "contrastive-pairs": replace(
        ALL_METHODS["contrastive"], title="contrastive, pairs alone"
    ),
    # What a user gets who sets nothing. Folds of half of the pairs, and of few classes,
    # do not always choose what is best for all of them.
    "cca-default": Method("CCA, defaults", CCARetriever(), [{}]),
    "sm-default": Method(
        "semantic matching, defaults",
        SemanticMatchingRetriever(),
        [{}],
        needs_labels=True,
    ),
    # Neither does it say which classes will be searched for.
    "msln-both": Method(
        "MSLN, defaults",
        MSLNRetriever(target_classes="both"),
        [{}],
        needs_labels=True,
        trains_network=True,
    ),
    "msln-four": Method(
        "MSLN, four losses",
        MSLNRetriever.from_paper(),
        [{"classification_weight": w} for w in (0.1, 0.3, 1.0)],
        needs_labels=True,
        trains_network=True,
    ),
}
#: Without CCA that chooses what the grid of CCA does, and what `joint` measures.
METHODS = {
    name: method
    for name, method in ALL_METHODS.items()
    if name not in ("cca-cv", "contrastive-adapter")
} | _VARIANTS
