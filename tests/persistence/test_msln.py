"""Neural retrievers: weights, history, training that goes on, and devices."""

import numpy as np
import pytest
import torch
from skorch.callbacks import EpochScoring

from sklearn_xmodal import MSLNRetriever, load, save
from sklearn_xmodal.persistence import InvalidFileError
from tests.conftest import RETRIEVERS
from tests.persistence.compare import assert_same

VARIANTS = {
    "plain reading": {
        "n_estimators": 1,
        "n_input_components": None,
        "block_weights": {"code": 1},
        "contrastive_weight": 0,
        "advanced": {
            "code_activation": "tanh",
            "optimizer": "Adam",
            "lr_scheduler": None,
        },
    },
    "seen": {
        "target_classes": "seen",
        "advanced": {"discriminator_layer_sizes": ()},
    },
    "unseen": {"target_classes": "unseen", "hidden_layer_sizes": [8, 6]},
    "all blocks": {
        "block_weights": {
            "code": 1.0,
            "contrastive": np.float32(1),
            "posterior": 0.5,
            "canonical": 1,
            "kernel": 1,
            "reconstruction": 0.5,
        }
    },
    "few components": {"n_input_components": (0.3, 4)},
    "early stopping": {
        "early_stopping": True,
        "advanced": {"validation_fraction": 0.3},
    },
    "class of an optimiser": {"advanced": {"optimizer": torch.optim.RMSprop}},
    "narrow numbers": {"advanced": {"precision": "bfloat16"}},
    "embeddings": {"class_embeddings": {0: [1.0, 2], 1: np.ones(2), 2: (0.5, 1)}},
    "random state": {"random_state": np.random.RandomState(5)},
    "progress bar": {"verbose": 1},
}


def _make(**params):
    return RETRIEVERS["MSLNRetriever"](**params)


def _transforms(retriever, X_img, X_txt):
    return [Z.tobytes() for Z in retriever.transform(X_img, X_txt)]


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_survives(name, pair, round_trip):
    X_img, X_txt, y = pair
    retriever = _make(**VARIANTS[name])
    round_trip(retriever)
    retriever.fit(X_img, X_txt, y)
    loaded = round_trip(retriever)
    assert _transforms(loaded, X_img, X_txt) == _transforms(retriever, X_img, X_txt)
    one = loaded.transform_image(X_img[:1])
    assert one.tobytes() == retriever.transform_image(X_img[:1]).tobytes()


def test_dataframe_of_class_embeddings_survives(pair, round_trip):
    pd = pytest.importorskip("pandas")
    X_img, X_txt, y = pair
    table = pd.DataFrame(np.eye(3), index=["a", "b", "c"])
    labels = np.array(["a", "b", "c"])[y]
    retriever = _make(class_embeddings=table).fit(X_img, X_txt, labels)
    loaded = round_trip(retriever)
    assert_same(loaded.class_embeddings, table)
    assert_same(loaded.fit(X_img, X_txt, labels).net_.module_, retriever.net_.module_)


def test_history_survives_as_one_object(pair, round_trip):
    X_img, X_txt, y = pair
    retriever = _make(early_stopping=True, advanced={"validation_fraction": 0.3})
    loaded = round_trip(retriever.fit(X_img, X_txt, y))
    assert loaded.history_ is loaded.net_.history
    assert loaded.history_[:, "train_loss"] == retriever.history_[:, "train_loss"]
    records = loaded.history_[-1, "batches", :, ("correlation_loss", "train_loss")]
    assert (
        records
        == retriever.history_[-1, "batches", :, ("correlation_loss", "train_loss")]
    )


def test_history_of_uneven_records_survives(pair, round_trip):
    X_img, X_txt, y = pair
    retriever = _make().fit(X_img, X_txt, y)
    retriever.history_[0, "batches"][0]["note"] = "by hand"
    round_trip(retriever)


def test_history_of_many_steps_takes_little_text(pair, tmp_path):
    X_img, X_txt, y = pair
    retriever = _make().fit(X_img, X_txt, y)
    for epoch in retriever.history_:
        epoch["batches"] *= 10_000
    save(retriever, tmp_path / "model")
    n_bytes = int.from_bytes((tmp_path / "model").read_bytes()[:8], "little")
    assert n_bytes < 50_000
    assert load(tmp_path / "model").history_ == retriever.history_


@pytest.mark.parametrize("optimizer", ["AdamW", "SGD", "Adamax", "NAdam"])
def test_partial_fit_goes_on_as_if_nothing_had_been(optimizer, paired, round_trip):
    X_img, X_txt, y = paired
    retriever = _make(advanced={"optimizer": optimizer}, max_epochs=2)
    retriever.partial_fit(X_img[:40], X_txt[:40], y[:40])
    loaded = round_trip(retriever)
    for one in (retriever, loaded):
        one.partial_fit(X_img[40:], X_txt[40:], y[40:])
    for one in (retriever.net_, loaded.net_):  # wall-clock
        for epoch in one.history:
            epoch["dur"] = 0.0
    assert_same(retriever, loaded)


def test_partial_fit_after_fit_goes_on_as_if_nothing_had_been(pair, round_trip):
    X_img, X_txt, y = pair
    retriever = _make().fit(X_img, X_txt, y)
    loaded = round_trip(retriever)
    for one in (retriever, loaded):
        one.partial_fit(X_img, X_txt, y)
    assert _transforms(loaded, X_img, X_txt) == _transforms(retriever, X_img, X_txt)


def test_warm_start_goes_on_as_if_nothing_had_been(pair, round_trip):
    X_img, X_txt, y = pair
    retriever = _make(warm_start=True).fit(X_img, X_txt, y)
    loaded = round_trip(retriever)
    for one in (retriever, loaded):
        one.fit(X_img, X_txt, y)
    assert _transforms(loaded, X_img, X_txt) == _transforms(retriever, X_img, X_txt)


def test_parameters_that_were_set_after_fit_do_not_change_the_network(pair, round_trip):
    X_img, X_txt, y = pair
    retriever = _make().fit(X_img, X_txt, y)
    retriever.set_params(n_components=9, hidden_layer_sizes=(5, 5), lr=1.0)
    loaded = round_trip(retriever)
    assert _transforms(loaded, X_img, X_txt) == _transforms(retriever, X_img, X_txt)


def test_only_a_net_that_goes_on_has_an_optimiser_in_its_file(pair, tmp_path):
    X_img, X_txt, y = pair
    sizes = {}
    for method in ("fit", "partial_fit"):
        retriever = _make(hidden_layer_sizes=(64,))
        getattr(retriever, method)(X_img, X_txt, y)
        save(retriever, tmp_path / method)
        sizes[method] = (tmp_path / method).stat().st_size
    n_weights = sum(w.numel() for w in retriever.net_.module_.parameters())
    assert sizes["partial_fit"] - sizes["fit"] > 1.9 * 4 * n_weights


def test_callbacks_are_refused_by_name(tmp_path):
    retriever = _make(callbacks=[EpochScoring("r2")])
    with pytest.raises(TypeError, match=r"Got MSLNRetriever\.callbacks\[0\] = skorch"):
        save(retriever, tmp_path / "model")


def test_own_optimisers_are_refused_by_name(tmp_path):
    class Own(torch.optim.SGD):
        pass

    with pytest.raises(TypeError, match=r"'Own' as MSLNRetriever\.advanced"):
        save(_make(advanced={"optimizer": Own}), tmp_path / "model")


def _pretend_device(retriever, device):
    """Let it look as if trained elsewhere; files do not know where weights were."""
    retriever.device_ = retriever.net_.device = device
    retriever.net_.module__device = device


@pytest.mark.parametrize("device", ["cuda:99", "mps", "xpu:3"])
def test_net_of_another_machine_comes_to_the_cpu(device, pair, tmp_path):
    X_img, X_txt, y = pair
    retriever = _make().partial_fit(X_img, X_txt, y)
    expected = _transforms(retriever, X_img, X_txt)
    _pretend_device(retriever, device)
    save(retriever, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert (loaded.device_, loaded.net_.device) == ("cpu", "cpu")
    assert _transforms(loaded, X_img, X_txt) == expected
    loaded.partial_fit(X_img, X_txt, y)


@pytest.mark.gpu
def test_net_on_cuda_comes_back_to_cuda_and_goes_to_the_cpu(pair, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    X_img, X_txt, y = pair
    retriever = _make(device="cuda").partial_fit(X_img, X_txt, y)
    expected = retriever.transform_image(X_img)
    save(retriever, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.device_ == "cuda"
    np.testing.assert_array_equal(loaded.transform_image(X_img), expected)
    loaded.partial_fit(X_img, X_txt, y)
    _pretend_device(retriever, "cuda:99")
    save(retriever, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.device_ == "cpu"
    np.testing.assert_allclose(loaded.transform_image(X_img), expected, atol=1e-5)


def test_weights_are_tensors_with_names(pair, tmp_path):
    safetensors = pytest.importorskip("safetensors")
    X_img, X_txt, y = pair
    retriever = _make(hidden_layer_sizes=(64,)).fit(X_img, X_txt, y)
    save(retriever, tmp_path / "model")
    found = set()
    with safetensors.safe_open(tmp_path / "model", "pt") as file:
        for name, weight in retriever.net_.module_.state_dict().items():
            # Once in the file: what encoders have, under their name.
            key = f"MSLNRetriever.net['weights'][{name!r}]"
            layers = "MSLNRetriever.image_encoder_.branch.perceptron.weights"
            if name.startswith("encoders.image") and name.endswith("weight"):
                assert key not in file.keys()  # noqa: SIM118
                key = f"{layers}[{0 if '.0.' in name else 1}]"
            if key in file.keys():  # noqa: SIM118
                assert torch.equal(file.get_tensor(key), weight)
                found.add(name)
    assert {"encoders.image.1.0.weight", "discriminator.0.weight"} <= found


def test_global_generators_of_torch_stay_as_they_are(pair, tmp_path):
    X_img, X_txt, y = pair
    retriever = _make().partial_fit(X_img, X_txt, y)
    before = torch.get_rng_state()
    save(retriever, tmp_path / "model")
    load(tmp_path / "model")
    assert torch.equal(torch.get_rng_state(), before)


def test_network_larger_than_its_weights_is_never_made(pair, tmp_path, rewrite):
    X_img, X_txt, y = pair
    path = tmp_path / "model"
    save(_make().fit(X_img, X_txt, y), path)

    def enlarge(document):
        net = dict(document["object"]["state"]["net"]["items"])
        for key, value in net["options"]["items"]:
            if key == "module__hidden_layer_sizes":
                value["items"] = [10**9]
        return document

    rewrite(path, enlarge)
    with pytest.raises(InvalidFileError, match="weights of other sizes"):
        load(path)


def test_moments_of_other_sizes_are_refused(pair, tmp_path):
    X_img, X_txt, y = pair
    retriever = MSLNRetriever(2, max_epochs=1, device="cpu", random_state=0)
    retriever.partial_fit(X_img, X_txt, y)
    (state, *_) = retriever.net_.optimizer_.state.values()
    state["exp_avg"] = torch.zeros(1)
    save(retriever, tmp_path / "model")
    with pytest.raises(InvalidFileError, match="moments of other sizes"):
        load(tmp_path / "model")
