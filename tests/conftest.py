"""What all tests share: two tiers, fast retrievers, small paired data, a clean room."""

import ipaddress
import random
import re
import socket
import sys
import tempfile
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from sklearn_xmodal import (
    ACMRRetriever,
    AdapterRetriever,
    AdapterRetrieverCV,
    ASIFRetriever,
    CCARetriever,
    CCARetrieverCV,
    ContrastiveAdapterRetriever,
    ContrastiveRetriever,
    CosineRetriever,
    DCCARetriever,
    DSCMRRetriever,
    KCCARetriever,
    MSLNRetriever,
    MvDARetriever,
    PLSRetriever,
    ProcrustesRetriever,
    RidgeRetriever,
    SCMRetriever,
    SemanticAutoencoderRetriever,
    SemanticMatchingRetriever,
    ThreeViewCCARetriever,
    ViewsModel,
    ViewsRetriever,
    VocabularyRetriever,
    VotingRetriever,
)
from sklearn_xmodal.datasets import make_paired_modalities

ROOT = Path(__file__).resolve().parents[1]

# The same examples everywhere, and nothing written into the checkout.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None
)
hypothesis.settings.load_profile("repeatable")
_hypothesis_home = tempfile.TemporaryDirectory()
set_hypothesis_home_dir(_hypothesis_home.name)


def pytest_addoption(parser):
    """Add the option that runs both tiers."""
    parser.addoption(
        "--all",
        action="store_true",
        dest="every_case",
        help="every case and seed, also what `make test` leaves to `make test-all`",
    )


def pytest_collection_modifyitems(config, items):
    """Leave what is marked as thorough to `--all`."""
    if config.getoption("every_case"):
        return
    thorough = [i for i in items if i.get_closest_marker("thorough") is not None]
    config.hook.pytest_deselected(items=thorough)
    items[:] = [i for i in items if i.get_closest_marker("thorough") is None]


def thorough_but(kept, values):
    """Return the values for `parametrize`, only the kept ones in the quick tier."""
    assert all(value in values for value in kept), f"{kept} not in {list(values)}"
    mark = pytest.mark.thorough
    return [v if v in kept else pytest.param(v, marks=mark) for v in values]


#: Draws of random data: the quick tier takes one.
SEEDS = thorough_but([0], range(3))


def _factory(cls, **fast):
    def make(**params):
        return cls(**{**fast, **params})

    return make


def _make_vote(**params):
    members = [
        ("cca", CCARetriever(3)),
        ("ridge", RidgeRetriever()),
        ("pls", PLSRetriever(2)),
    ]
    return VotingRetriever(**{"estimators": members, "weights": (3, 1, 0), **params})


def _neighbour(cls, **params):
    """Return a factory of small networks that are trained for three steps."""
    small = {"n_components": 3, "hidden_layer_sizes": (8,), "max_epochs": 3}
    return _factory(cls, **small, device="cpu", random_state=0, **params)


#: Every retriever of the package, as a function that makes a fast one.
RETRIEVERS = {
    "ACMRRetriever": _neighbour(ACMRRetriever),
    "ASIFRetriever": _factory(ASIFRetriever, n_neighbors=40),
    "CCARetriever": _factory(CCARetriever, n_components=3),
    "CCARetrieverCV": _factory(CCARetrieverCV, n_components=3, alphas=[0.1, 1.0], cv=3),
    "ContrastiveRetriever": _neighbour(ContrastiveRetriever),
    "DCCARetriever": _neighbour(DCCARetriever),
    "DSCMRRetriever": _neighbour(DSCMRRetriever),
    "KCCARetriever": _factory(KCCARetriever, n_components=3),
    "MSLNRetriever": _factory(
        MSLNRetriever,
        n_components=4,
        hidden_layer_sizes=(8,),
        max_epochs=3,
        device="cpu",
        random_state=0,
    ),
    "MvDARetriever": _factory(MvDARetriever, n_components=2),
    "PLSRetriever": _factory(PLSRetriever, n_components=3),
    "ProcrustesRetriever": _factory(ProcrustesRetriever, n_components=3),
    "RidgeRetriever": _factory(RidgeRetriever),
    "SCMRetriever": _factory(SCMRetriever, n_components=3, tol=1e-9),
    "SemanticAutoencoderRetriever": _factory(SemanticAutoencoderRetriever),
    "SemanticMatchingRetriever": _factory(SemanticMatchingRetriever, tol=1e-9),
    "ThreeViewCCARetriever": _factory(ThreeViewCCARetriever, n_components=3),
    "ViewsRetriever": lambda **params: ViewsRetriever(
        ViewsModel(CCARetriever(3)), **params
    ),
    "VocabularyRetriever": lambda **params: VocabularyRetriever(
        **{"estimator": CCARetriever(3), **params}
    ),
    "VotingRetriever": _make_vote,
}

#: Those of embeddings that share a space, so that both modalities have one width.
JOINT_RETRIEVERS = {
    "AdapterRetriever": _factory(AdapterRetriever),
    "AdapterRetrieverCV": _factory(AdapterRetrieverCV, alphas=[1.0, 100.0], cv=3),
    "ContrastiveAdapterRetriever": _factory(
        ContrastiveAdapterRetriever, max_epochs=3, cv=2, device="cpu", random_state=0
    ),
    "CosineRetriever": _factory(CosineRetriever),
}

#: All of the package.
ALL_RETRIEVERS = {**RETRIEVERS, **JOINT_RETRIEVERS}


def of_one_width(name, X_img, X_txt):
    """Return features as a retriever takes them: cut to one width where it needs that.

    Of matrices; what else a test has of an item stays with it.
    """
    if name not in JOINT_RETRIEVERS:
        return X_img, X_txt
    width = min(X_img.shape[1], X_txt.shape[1])
    sides = (X.iloc if hasattr(X, "iloc") else X for X in (X_img, X_txt))
    return tuple(X[:, :width] for X in sides)


#: One per way through the code: moments, kernels, classifiers, networks.
PATHS = (
    "RidgeRetriever",
    "KCCARetriever",
    "SemanticMatchingRetriever",
    "MSLNRetriever",
)
#: All but networks that share the code of another one.
DISTINCT = [n for n in RETRIEVERS if not re.match("ACMR|DCCA|DSCMR", n)]
#: Those that train one: in float32, and not in no time.
NETWORKS = (
    "ACMRRetriever",
    "ContrastiveRetriever",
    "DCCARetriever",
    "DSCMRRetriever",
    "MSLNRetriever",
)


@pytest.fixture(params=thorough_but([*DISTINCT, "AdapterRetriever"], ALL_RETRIEVERS))
def make_retriever(request):
    """Make a fast retriever; keyword arguments are its parameters."""
    return ALL_RETRIEVERS[request.param]


@pytest.fixture(params=SEEDS, ids="seed{}".format)
def paired(request):
    """Image features, text features and labels of 60 pairs in 3 classes."""
    return _pair(request, request.param)


@pytest.fixture
def pair(request):
    """One draw of what `paired` draws several times."""
    return _pair(request, 0)


def _pair(request, seed):
    """Draw pairs of two widths, but for retrievers that take one."""
    cases = getattr(request.node, "callspec", None)
    name = cases and cases.params.get("make_retriever")
    return make_paired_modalities(
        60,
        n_classes=3,
        n_image_features=7,
        n_text_features=7 if name in JOINT_RETRIEVERS else 6,
        random_state=seed,
    )


@pytest.fixture(scope="session")
def repository_root():
    """Folder that holds pyproject.toml, absent where only the tests were copied."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("needs a checkout of the repository")
    return ROOT


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real feature files beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real feature files, ../shared/data, beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def no_network(request, monkeypatch):
    """Fail a test that asks another machine for anything."""
    if request.node.get_closest_marker("network") is not None:
        return
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def connect_here(sock, address):
        # A datagram socket sends nothing yet: it is how programs learn their address.
        if sock.family != socket.AF_UNIX and sock.type == socket.SOCK_STREAM:
            check_is_here(address[0])
        return connect(sock, address)

    def resolve_here(host, *args, **kwargs):
        check_is_here(host)
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)


def check_is_here(host):
    """Raise a RuntimeError unless a host is this machine."""
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", socket.gethostname()):
        return
    try:
        is_here = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:  # a name
        is_here = False
    if not is_here:
        raise RuntimeError(f"tests have no network. Got a request to {host!r}.")


@pytest.fixture(autouse=True)
def figures_stay_as_they_are():
    """Fail a test that leaves a figure open; close it for the next one."""
    yield
    assert close_figures() == [], "the test leaves figures open"


def close_figures():
    """Close the figures that pyplot knows, and return their numbers."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    numbers = pyplot.get_fignums() if pyplot else []
    if numbers:
        pyplot.close("all")
    return numbers


@pytest.fixture(autouse=True)
def global_generators_stay_as_they_are(request):
    """Fail a test that moves the global random state of Python, numpy or torch."""
    # Dask's cluster draws from Python's, whenever it likes.
    has_cluster = "client" in request.fixturenames
    before = _python_state(), _numpy_state(), _torch_state()
    yield
    after = _python_state(), _numpy_state(), _torch_state()
    assert has_cluster or before[0] == after[0], "the random state of Python has moved"
    assert before[1] == after[1], "the global random state of numpy has moved"
    if before[2] is not None:
        assert before[2] == after[2], "the global random state of torch has moved"


def _python_state():
    return random.getstate()


def _numpy_state():
    state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    return state["pos"], state["key"].tobytes()


def _torch_state():
    torch = sys.modules.get("torch")
    return None if torch is None else torch.get_rng_state().numpy().tobytes()
