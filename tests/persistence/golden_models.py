"""Models for golden files: name -> function that makes one, fitted, and its queries.

A name is never given to something else: a new kind of model gets a new line. Data and
models are as small as can be, for the files stay in the repository for ever.
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import (
    AdapterRetriever,
    CCARetriever,
    CCARetrieverCV,
    ImageTextPairs,
    KCCARetriever,
    ModalityTransformer,
    MSLNRetriever,
    PLSRetriever,
    RidgeRetriever,
    ViewsModel,
    VocabularyRetriever,
    VotingRetriever,
)
from sklearn_xmodal.base import encoder_of
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.feature_extraction import (
    BagOfVisualWords,
    HOGTransformer,
    LocalBinaryPatternTransformer,
)
from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    GeneralizedShuffleSplit,
)
from tests.conftest import ALL_RETRIEVERS, RETRIEVERS

_N_QUERIES = 2


def draw():
    """Return 12 pairs of 3 classes, and queries."""
    X_img, X_txt, y = make_paired_modalities(
        12 + _N_QUERIES,
        n_classes=3,
        n_image_features=6,
        n_text_features=6,
        random_state=0,
    )
    queries = {"image": X_img[-_N_QUERIES:], "text": X_txt[-_N_QUERIES:]}
    return X_img[:-_N_QUERIES], X_txt[:-_N_QUERIES], y[:-_N_QUERIES], queries


def _fit(retriever, *, labels=None, convert=lambda X: X):
    """Fit to the pairs: with some labels per class, and in another form."""
    X_img, X_txt, y, queries = draw()
    y = y if labels is None else np.asarray(labels)[y]
    retriever.fit(convert(X_img), convert(X_txt), y)
    return retriever, {name: convert(X) for name, X in queries.items()}


def _retriever(name, *, labels=None, convert=lambda X: X, **params):
    make = ALL_RETRIEVERS[name]
    return _fit(make(**params), labels=labels, convert=convert)


def _msln(**params):
    small = {"n_estimators": 2, "hidden_layer_sizes": (4,), "n_components": 3}
    sizes = {"discriminator_layer_sizes": (3,), "n_contrastive_components": 2}
    advanced = {**sizes, **params.pop("advanced", {})}
    fast = {**small, "max_epochs": 1, "target_classes": "seen", "advanced": advanced}
    return RETRIEVERS["MSLNRetriever"](**{**fast, **params})


def _stacked(retriever):
    X_img, X_txt, y, queries = draw()
    retriever.fit(np.hstack([X_img, X_txt]), y)
    return retriever, {"X": np.hstack([*queries.values()])}


def _frames(name):
    import pandas as pd

    def convert(X):
        return pd.DataFrame(X).add_prefix("column ")

    retriever = RETRIEVERS[name]().set_output(transform="pandas")
    return _fit(retriever, convert=convert)


def _sparse(name, **params):
    def convert(X):
        return sparse.csr_matrix(np.where(X > 0.5, X, 0.0))

    return _retriever(name, convert=convert, **params)


def _multi_label(name):
    return _retriever(name, labels=[[1, 0], [1, 1], [0, 1]])


def _precomputed():
    X_img, X_txt, y, queries = draw()
    retriever = KCCARetriever(2, kernel="precomputed")
    retriever.fit(X_img @ X_img.T, X_txt @ X_txt.T, y)
    kernels = queries["image"] @ X_img.T, queries["text"] @ X_txt.T
    return retriever, dict(zip(("image", "text"), kernels, strict=True))


def _going_on(retriever):
    """Fit to some pairs, for a file that is to go on with the others."""
    X_img, X_txt, y, queries = draw()
    is_warm = getattr(retriever, "warm_start", False)
    fit = retriever.fit if is_warm else retriever.partial_fit
    fit(X_img[:9], X_txt[:9], y[:9])
    more = {"more_image": X_img[3:], "more_text": X_txt[3:], "more_labels": y[3:]}
    return retriever, {**queries, **more}


def _msln_going_on(*blocks, **params):
    # Random numbers of torch are not the same everywhere. With such a rate the weights
    # stay, and everything else moves.
    weights = dict.fromkeys(blocks, 1)
    return _going_on(_msln(lr=1e-30, block_weights=weights, **params))


def _embeddings():
    import pandas as pd

    table = pd.DataFrame(np.eye(3), index=["a", "b", "c"])
    return _fit(_msln(class_embeddings=table), labels=["a", "b", "c"])


def _unfitted_msln():
    params = {
        "advanced": {"optimizer": torch.optim.RMSprop},
        "checkpoint_dir": Path("runs"),
        "class_embeddings": {0: [1.0, 2.0], 1: np.ones(2), 2: (0.5, float("inf"))},
    }
    return MSLNRetriever(**params), {}


def _vote_of_frozen():
    X_img, X_txt, *_ = draw()
    frozen = FrozenEstimator(CCARetriever(2).fit(X_img, X_txt))
    return _fit(VotingRetriever([("cca", frozen), ("pls", PLSRetriever(2))]))


def _vote_of_pipelines():
    pipe = make_pipeline("passthrough", CCARetriever(2))
    members = [("pipe", pipe), ("gone", "drop"), ("ridge", RidgeRetriever())]
    return _fit(VotingRetriever(members, weights="cv", cv=ClassDisjointKFold(3)))


def _vocabulary():
    names = np.eye(4, draw()[1].shape[1])
    return _fit(VocabularyRetriever(CCARetriever(2), vocabulary=names, weight=0.25))


def _cca_cv(cv, n_components=2):
    return _fit(CCARetrieverCV(n_components, alphas=[0.1, 1.0], cv=cv))


def _views_model():
    X_img, X_txt, y, queries = draw()
    return ViewsModel(CCARetriever(2)).fit([X_img, X_txt], y), queries


def _encoder(name):
    fitted, queries = _retriever(name)
    return fitted.text_encoder_, {"text": queries["text"]}


def _encoder_of_a_pipeline():
    pipe, queries = _fit_pairs(
        make_pipeline(ModalityTransformer(text=StandardScaler()), CCARetriever(2))
    )
    return encoder_of(pipe, "text"), {"text": queries["text"]}


def _fit_pairs(pipe):
    X_img, X_txt, y, queries = draw()
    return pipe.fit(ImageTextPairs(X_img, X_txt), y), queries


def _best_pipeline():
    text = make_pipeline(StandardScaler(), TruncatedSVD(3, random_state=0))
    sides = ModalityTransformer(image=PCA(3, random_state=0), text=text)
    pipe = make_pipeline(sides, CCARetriever(2))
    search = GridSearchCV(pipe, {"ccaretriever__alpha": [0.1, 1]}, cv=2)
    search, queries = _fit_pairs(search)
    return search.best_estimator_, queries


def _pictures(transformer):
    pictures = np.random.default_rng(0).integers(0, 256, (6, 16, 16), np.uint8)
    return transformer.fit(pictures), {"X": pictures[:2]}


def _sides():
    X_img, X_txt, _, queries = draw()
    return ModalityTransformer().fit(X_img, X_txt), queries


MODELS = {
    **{name: partial(_retriever, name) for name in sorted(ALL_RETRIEVERS)},
    "AdapterRetriever-partial-fit": lambda: _going_on(AdapterRetriever(2)),
    "AdapterRetriever-text": lambda: _retriever("AdapterRetriever", adapt="text"),
    "ContrastiveRetriever-locked": lambda: _retriever(
        "ContrastiveRetriever", locked="text", n_estimators=2
    ),
    "CosineRetriever-centred": lambda: _retriever("CosineRetriever", center=0.5),
    "MSLNRetriever": lambda: _fit(_msln(target_classes="both")),
    "CCARetriever-oas": lambda: _retriever("CCARetriever", alpha="oas"),
    "CCARetriever-two-alphas": lambda: _retriever(
        "CCARetriever", alpha=(0.1, np.float32(2)), component_power=0
    ),
    "CCARetriever-float32": lambda: _retriever(
        "CCARetriever", convert=lambda X: X.astype(np.float32)
    ),
    "CCARetriever-stacked": lambda: _stacked(CCARetriever(2, n_image_features=6)),
    "CCARetriever-frames": lambda: _frames("CCARetriever"),
    "CCARetriever-partial-fit": lambda: _going_on(CCARetriever(2)),
    "CCARetriever-unfitted": lambda: (CCARetriever(), {}),
    "CCARetrieverCV-disjoint": lambda: _cca_cv(ClassDisjointKFold(3)),
    "CCARetrieverCV-shuffle": lambda: _cca_cv(
        ClassDisjointShuffleSplit(2, random_state=0)
    ),
    "CCARetrieverCV-generalized": lambda: _cca_cv(
        GeneralizedShuffleSplit(2, random_state=0), n_components=1
    ),
    "CCARetrieverCV-many-alphas": lambda: (CCARetrieverCV(alphas=[0.5] * 1001), {}),
    "CCARetrieverCV-of-sklearn": lambda: _cca_cv(KFold(3)),
    "KCCARetriever-nystroem": lambda: _retriever(
        "KCCARetriever", approximation="nystroem", n_landmarks=8
    ),
    "KCCARetriever-rff": lambda: _retriever(
        "KCCARetriever", approximation="rff", n_landmarks=8
    ),
    "KCCARetriever-precomputed": _precomputed,
    "KCCARetriever-two-kernels": lambda: _retriever(
        "KCCARetriever",
        kernel=("rbf", "poly"),
        gamma=("median", 0.1),
        random_state=np.random.RandomState(3),
    ),
    "ASIFRetriever-sparse": lambda: _sparse("ASIFRetriever"),
    "KCCARetriever-sparse": lambda: _sparse("KCCARetriever", kernel="cosine"),
    "MSLNRetriever-seen": lambda: _fit(_msln()),
    "MSLNRetriever-unseen": lambda: _fit(
        _msln(
            target_classes="unseen",
            block_weights={"contrastive": 1.0, "canonical": np.float32(1)},
        )
    ),
    # With a way past the hidden layers, and a locked modality.
    "MSLNRetriever-locked": lambda: _fit(_msln(target_classes="unseen")),
    "MSLNRetriever-plain": lambda: _fit(
        _msln(
            n_estimators=1,
            n_input_components=None,
            block_weights={"code": 1},
            contrastive_weight=0,
            advanced={
                "code_activation": "tanh",
                "optimizer": "Adam",
                "lr_scheduler": None,
            },
        )
    ),
    "MSLNRetriever-early-stopping": lambda: _fit(
        _msln(early_stopping=True, advanced={"validation_fraction": 0.3})
    ),
    "MSLNRetriever-multi-label": lambda: _fit(_msln(), labels=[[1, 0], [1, 1], [0, 1]]),
    "MSLNRetriever-embeddings": _embeddings,
    "MSLNRetriever-partial-fit": lambda: _msln_going_on("code", "canonical", "kernel"),
    # Of version 2, which has a sample of the pairs.
    "MSLNRetriever-partial-fit-sample": lambda: _msln_going_on(
        "code", "canonical", "kernel"
    ),
    "MSLNRetriever-warm-start": lambda: _msln_going_on("code", warm_start=True),
    "MSLNRetriever-unfitted": _unfitted_msln,
    "PLSRetriever-partial-fit": lambda: _going_on(PLSRetriever(2)),
    "KCCARetriever-partial-fit": lambda: _going_on(
        KCCARetriever(2, approximation="nystroem", landmarks=draw()[:2])
    ),
    "RidgeRetriever-partial-fit": lambda: _going_on(RidgeRetriever()),
    "RidgeRetriever-strings": lambda: _retriever(
        "RidgeRetriever", labels=np.array(["x", "y", "z"], object)
    ),
    "RidgeRetriever-multi-label": lambda: _multi_label("RidgeRetriever"),
    "SemanticMatchingRetriever-multi-label": lambda: _multi_label(
        "SemanticMatchingRetriever"
    ),
    "ThreeViewCCARetriever-multi-label": lambda: _multi_label("ThreeViewCCARetriever"),
    "VotingRetriever-frozen": _vote_of_frozen,
    "VotingRetriever-pipelines": _vote_of_pipelines,
    "VocabularyRetriever-names": _vocabulary,
    "ViewsModel": _views_model,
    "ModalityTransformer": _sides,
    "BagOfVisualWords": lambda: _pictures(BagOfVisualWords(3, random_state=0)),
    "HOGTransformer": lambda: _pictures(HOGTransformer(shape=(16, 16))),
    "LocalBinaryPatternTransformer": lambda: _pictures(LocalBinaryPatternTransformer()),
    "Pipeline": lambda: _fit_pairs(
        make_pipeline(ModalityTransformer(), CCARetriever(2))
    ),
    "Pipeline-of-a-search": _best_pipeline,
    "encoder-chain": lambda: _encoder("SCMRetriever"),
    "encoder-concat": lambda: _encoder("VotingRetriever"),
    "encoder-kernel": lambda: _encoder("KCCARetriever"),
    "encoder-linear": lambda: _encoder("CCARetriever"),
    "encoder-network": lambda: _encoder("MSLNRetriever"),
    "encoder-of-a-pipeline": _encoder_of_a_pipeline,
}
