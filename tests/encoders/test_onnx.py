"""Encoders as ONNX graphs give the codes of transform, in onnxruntime."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from sklearn_xmodal import (
    ImageTextPairs,
    KCCARetriever,
    ModalityTransformer,
    MSLNRetriever,
    export_onnx,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.encoders import (
    Chain,
    Concat,
    EstimatorEncoder,
    LinearEncoder,
    _onnx,
)
from tests.conftest import (
    ALL_RETRIEVERS,
    JOINT_RETRIEVERS,
    PATHS,
    RETRIEVERS,
    of_one_width,
    thorough_but,
)

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
_COSINES = parse_version("1.29")

MODALITIES = ("image", "text")
BLOCKS = (
    "code",
    "contrastive",
    "posterior",
    "canonical",
    "kernel",
    "reconstruction",
)
EXPORTED = [name for name in ALL_RETRIEVERS if name != "ViewsRetriever"]
NETWORKS = {
    "default": {},
    "all blocks": {"block_weights": dict.fromkeys(BLOCKS, 1.0)},
    "code of one": {
        "n_estimators": 1,
        "n_input_components": None,
        "block_weights": {"code": 1},
        "advanced": {"code_activation": "tanh", "activation": "logistic"},
    },
}
KERNELS = {
    "linear": {"kernel": "linear"},
    "poly": {"kernel": ("poly", "rbf"), "gamma": 0.01},
    "cosine": {"kernel": "cosine"},
    "landmarks": {"approximation": "nystroem", "n_landmarks": 30},
    "random features": {"approximation": "rff", "n_landmarks": 64},
}


def _pairs(scale=1.0):
    X_img, X_txt, y = make_paired_modalities(
        60, n_classes=3, n_image_features=9, n_text_features=8, random_state=0
    )
    return (scale * X_img).astype("f4"), (X_txt + 5).astype("f4"), y


def _assert_same_codes(retriever, paths, X_img, X_txt, tolerance=1e-5):
    for modality, X in zip(MODALITIES, (X_img, X_txt), strict=True):
        onnx.checker.check_model(onnx.load(paths[modality]), full_check=True)
        session = onnxruntime.InferenceSession(
            paths[modality], providers=["CPUExecutionProvider"]
        )
        expected = getattr(retriever, f"transform_{modality}")(X.astype("f8"))
        for n_rows in (1, 2, 7, len(X)):
            (codes,) = session.run(["codes"], {"features": X[:n_rows]})
            assert codes.dtype == np.float32
            atol = tolerance * abs(expected).max()
            assert_allclose(codes, expected[:n_rows], rtol=0, atol=atol)


@pytest.mark.parametrize(
    "name", thorough_but([*PATHS[:3], *JOINT_RETRIEVERS, "ASIFRetriever"], EXPORTED)
)
def test_graphs_of_every_retriever_give_the_codes_of_transform(name, tmp_path):
    X_img, X_txt, y = _pairs()
    X_img, X_txt = of_one_width(name, X_img, X_txt)
    retriever = ALL_RETRIEVERS[name]().fit(X_img, X_txt, y)
    paths = export_onnx(retriever, tmp_path)
    assert paths == {m: tmp_path / f"{m}.onnx" for m in MODALITIES}
    tolerance = 5e-5 if name == "MSLNRetriever" else 1e-5
    _assert_same_codes(retriever, paths, X_img, X_txt, tolerance)


@pytest.mark.parametrize("name", thorough_but(["all blocks"], NETWORKS))
def test_graphs_of_networks_have_every_block(name, tmp_path):
    X_img, X_txt, y = _pairs()
    params = {"n_input_components": 5, "n_estimators": 2, **NETWORKS[name]}
    retriever = RETRIEVERS["MSLNRetriever"](**params).fit(X_img, X_txt, y)
    # A feature that falls on the other side of a rounding to float32 counts some
    # hundred times in the variates of kernel values.
    tolerance = 5e-5 if "kernel" in retriever.block_weights_ else 1e-5
    paths = export_onnx(retriever, tmp_path)
    _assert_same_codes(retriever, paths, X_img, X_txt, tolerance)


@pytest.mark.thorough
def test_graphs_of_multi_label_networks_give_the_codes_of_transform(tmp_path):
    X_img, X_txt, y = _pairs(scale=100.0)
    Y = np.eye(3, dtype=int)[y]
    Y[::3, 0] = 1
    retriever = RETRIEVERS["MSLNRetriever"](target_classes="seen").fit(X_img, X_txt, Y)
    paths = export_onnx(retriever, tmp_path / "new" / "folder")
    # Posteriors close to their mean are short, and magnify rounding when scaled to 1.
    _assert_same_codes(retriever, paths, X_img, X_txt, 1e-4)


@pytest.mark.parametrize("name", thorough_but(["poly", "random features"], KERNELS))
def test_graphs_of_kernels_give_the_codes_of_transform(name, tmp_path):
    if name == "random features" and parse_version(onnxruntime.__version__) < _COSINES:
        pytest.skip("this version has no cosine in float64")
    X_img, X_txt, _ = _pairs()
    retriever = KCCARetriever(3, **KERNELS[name]).fit(X_img, X_txt)
    _assert_same_codes(retriever, export_onnx(retriever, tmp_path), X_img, X_txt)


def test_graphs_of_kernels_of_sparse_features_take_dense_ones(tmp_path):
    X_img, X_txt, _ = _pairs()
    X_txt = np.where(X_txt > 5, X_txt, 0)
    retriever = KCCARetriever(3).fit(X_img, sparse.csr_array(X_txt))
    _assert_same_codes(retriever, export_onnx(retriever, tmp_path), X_img, X_txt)


@pytest.mark.parametrize(
    ("retriever", "message"),
    [
        (RETRIEVERS["ViewsRetriever"](), "Got ViewEncoder, which has none"),
        (KCCARetriever(3, kernel="laplacian"), "KernelEncoder with kernel='laplacian'"),
        (
            KCCARetriever(3, kernel=lambda a, b: a @ b),
            "Encoder with kernel=<func",
        ),
        (
            make_pipeline(
                ModalityTransformer(image=StandardScaler()),
                RETRIEVERS["RidgeRetriever"](),
            ),
            r"Got transform of StandardScaler .*as pipe\[-1\].* which has none",
        ),
    ],
    ids=["views", "laplacian", "callable", "pipeline"],
)
def test_steps_without_a_counterpart_are_refused(retriever, message, tmp_path):
    X_img, X_txt, y = _pairs()
    retriever.fit(ImageTextPairs(X_img, X_txt), y)
    with pytest.raises(TypeError, match=message):
        export_onnx(retriever, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_innermost_step_is_named(tmp_path):
    X_img, _, _ = _pairs()
    inner = EstimatorEncoder(estimator=StandardScaler().fit(X_img))
    linear = LinearEncoder(mean=X_img.mean(0), weights=np.eye(X_img.shape[1]))
    encoder = Concat(encoders=[linear, Chain(steps=[inner, linear])], weights=[1, 2])
    with pytest.raises(TypeError, match="Got transform of StandardScaler") as caught:
        encoder.to_onnx()
    assert "Concat" not in str(caught.value)


def test_a_single_encoder_is_sent_to_its_own_method(tmp_path):
    encoder = RETRIEVERS["CCARetriever"]().fit(*_pairs()).image_encoder_
    with pytest.raises(TypeError, match=r"Got LinearEncoder: .*encoder\.to_onnx\(\)"):
        export_onnx(encoder, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unfitted_retrievers_are_refused(tmp_path):
    with pytest.raises(NotFittedError, match="This MSLNRetriever instance is not"):
        export_onnx(MSLNRetriever(), tmp_path)


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    retriever = RETRIEVERS["CCARetriever"]().fit(*_pairs())
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-xmodal\[onnx\]"'):
        export_onnx(retriever, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_encoders_that_no_file_holds_are_refused(tmp_path, monkeypatch):
    retriever = RETRIEVERS["CCARetriever"]().fit(*_pairs())
    monkeypatch.setattr(_onnx, "_LARGEST", 100)
    with pytest.raises(ValueError, match="encoder must be smaller than 2 GB"):
        export_onnx(retriever, tmp_path)
