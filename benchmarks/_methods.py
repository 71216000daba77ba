"""The compared methods: those of the command, more baselines, and the paper's."""

from sklearn_xmodal.cross_decomposition import (
    AdapterRetrieverCV,
    ASIFRetriever,
    CCARetriever,
    KCCARetriever,
    MvDARetriever,
    PLSRetriever,
    ProcrustesRetriever,
    ThreeViewCCARetriever,
)
from sklearn_xmodal.deep import (
    ACMRRetriever,
    ContrastiveRetriever,
    DCCARetriever,
    DSCMRRetriever,
    MSLNRetriever,
)
from sklearn_xmodal.ensemble import VotingRetriever
from sklearn_xmodal.linear_model import (
    RidgeRetriever,
    SCMRetriever,
    SemanticAutoencoderRetriever,
    SemanticMatchingRetriever,
)
from sklearn_xmodal.protocols import METHODS as COMMAND_METHODS
from sklearn_xmodal.protocols import Budget, Method


def _build_vote(random_state, budget, protocol):
    return VotingRetriever(
        [
            ("cca", CCARetriever()),
            ("kcca", KCCARetriever(random_state=random_state)),
            ("sm", SemanticMatchingRetriever()),
        ]
    )


#: At most three candidates per method, two folds.
BUDGET = Budget(n_candidates=3, n_folds=2, max_steps=None)

METHODS = {
    **COMMAND_METHODS,
    "pls": Method(
        "PLS",
        PLSRetriever(),
        [
            {"scale": scale, "component_power": power}
            for scale, power in ((True, 0.0), (False, 0.0), (False, 0.5))
        ],
    ),
    "procrustes": Method(
        "Procrustes",
        ProcrustesRetriever(),
        [{"component_power": power} for power in (0.0, 0.5, 1.0)],
    ),
    "scm": Method(
        "semantic correlation matching",
        SCMRetriever(),
        [{"C": C} for C in (0.01, 0.1, 1.0)],
        needs_labels=True,
    ),
    "ridge": Method(
        "ridge regression",
        RidgeRetriever(),
        [{"alpha": a} for a in (0.1, 1, 10)],
        needs_labels=True,
    ),
    "sae": Method(
        "semantic autoencoder",
        SemanticAutoencoderRetriever(),
        [{"reconstruction_weight": w} for w in (0.1, 1, 10)],
        needs_labels=True,
    ),
    "mvda": Method(
        "MvDA",
        MvDARetriever(),
        [
            {"alpha": alpha, "component_power": power}
            for alpha, power in ((0.1, 1.0), (1.0, 1.0), (1.0, 2.0))
        ],
        needs_labels=True,
    ),
    "cca3": Method(
        "three-view CCA",
        ThreeViewCCARetriever(),
        [
            {"alpha": alpha, "class_alpha": class_alpha}
            for alpha, class_alpha in ((0.1, 0.1), (1.0, 1.0), (1.0, 10.0))
        ],
        needs_labels=True,
    ),
    "voting": Method(
        "vote of CCA, KCCA and SM",
        _build_vote,
        # Without labels, all alike, mostly labels.
        [{"weights": weights} for weights in ((1, 1, 0), (1, 1, 1), (1, 1, 4))],
        needs_labels=True,
    ),
    "asif": Method(
        "ASIF", ASIFRetriever(), [{"n_neighbors": k} for k in (50, 150, 500)]
    ),
    "adapter-cv": Method("adapter, CV", AdapterRetrieverCV(), [{}], is_joint=True),
    "dcca": Method(
        "deep CCA",
        DCCARetriever(),
        [{"alpha": alpha} for alpha in (0.1, 1.0, 10.0)],
    ),
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
    ),
    "contrastive-pairs": Method(
        "contrastive, pairs alone",
        ContrastiveRetriever(positives="pairs"),
        [{"temperature": t} for t in (0.05, 0.1, 0.2)],
    ),
    "acmr": Method(
        "ACMR",
        ACMRRetriever(),
        [{"triplet_weight": w} for w in (0.01, 0.1, 1.0)],
        needs_labels=True,
    ),
    "dscmr": Method(
        "DSCMR",
        DSCMRRetriever(),
        [{"invariance_weight": w} for w in (0.01, 0.1, 1.0)],
        needs_labels=True,
    ),
    # What a user gets who does not say which classes will be searched for.
    "msln-both": Method(
        "MSLN, defaults",
        MSLNRetriever(target_classes="both"),
        [{}],
        needs_labels=True,
    ),
    "msln-four": Method(
        "MSLN, four losses",
        MSLNRetriever.from_paper(),
        [{"classification_weight": w} for w in (0.1, 0.3, 1.0)],
        needs_labels=True,
    ),
}
