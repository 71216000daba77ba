"""Every retriever as a method: the usual ones, all other baselines and networks."""

from functools import partial

from sklearn_xmodal.cross_decomposition import (
    AdapterRetrieverCV,
    ASIFRetriever,
    CCARetriever,
    CCARetrieverCV,
    KCCARetriever,
    MvDARetriever,
    PLSRetriever,
    ProcrustesRetriever,
    ThreeViewCCARetriever,
)
from sklearn_xmodal.ensemble import VotingRetriever
from sklearn_xmodal.linear_model import (
    RidgeRetriever,
    SCMRetriever,
    SemanticAutoencoderRetriever,
    SemanticMatchingRetriever,
)
from sklearn_xmodal.protocols._methods import METHODS, Method


def _build_vote(random_state, budget, protocol):
    return VotingRetriever(
        [
            ("cca", CCARetriever()),
            ("kcca", KCCARetriever(random_state=random_state)),
            ("sm", SemanticMatchingRetriever()),
        ]
    )


def _build_network(name, random_state, budget, protocol):
    """Return a network of that class, which is imported now: it loads torch."""
    from sklearn_xmodal import deep

    length = {} if budget.max_steps is None else {"max_steps": budget.max_steps}
    return getattr(deep, name)(random_state=random_state, **length)


def _network(title, class_name, candidates, **options):
    build = partial(_build_network, class_name)
    return Method(title, build, candidates, trains_network=True, **options)


#: Every retriever by name: those of `METHODS` first, then what has a closed form, then
#: networks. None has more than three candidates.
ALL_METHODS = {
    **METHODS,
    "cca-cv": Method("CCA, CV", CCARetrieverCV(), [{}]),
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
    "asif": Method(
        "ASIF", ASIFRetriever(), [{"n_neighbors": k} for k in (50, 150, 500)]
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
    "adapter-cv": Method("adapter, CV", AdapterRetrieverCV(), [{}], is_joint=True),
    "contrastive-adapter": _network(
        "contrastive adapter",
        "ContrastiveAdapterRetriever",
        [{}],  # it chooses its strength on pairs of its own
        is_joint=True,
    ),
    "dcca": _network(
        "deep CCA", "DCCARetriever", [{"alpha": alpha} for alpha in (0.1, 1.0, 10.0)]
    ),
    "contrastive": _network(
        "contrastive",
        "ContrastiveRetriever",
        [{"temperature": t} for t in (0.05, 0.1, 0.2)],
    ),
    "acmr": _network(
        "ACMR",
        "ACMRRetriever",
        [{"triplet_weight": w} for w in (0.01, 0.1, 1.0)],
        needs_labels=True,
    ),
    "dscmr": _network(
        "DSCMR",
        "DSCMRRetriever",
        [{"invariance_weight": w} for w in (0.01, 0.1, 1.0)],
        needs_labels=True,
    ),
}
