"""Are two objects the same, to the last bit and in every attribute?"""

import numpy as np
import torch
from scipy import sparse
from skorch import NeuralNet

#: What only training needs, and a new training makes anew.
_NET_IGNORES = {
    "callbacks",
    "callbacks_",
    "iterator_train__generator",
    "init_context_",
    "virtual_params_",  # functions of skorch
    "optimizer_",  # compared where training continues
    "_modules",
    "_criteria",
    "_optimizers",
}


def assert_same(a, b, path="object"):
    """Raise an AssertionError that names the first difference."""
    assert type(a) is type(b), f"{path}: {type(a)} and {type(b)}"
    for kinds, compare in _CASES:
        if isinstance(a, kinds):
            compare(a, b, path)
            return
    if hasattr(a, "to_numpy"):
        _frames(a, b, path)
    elif hasattr(a, "from_state"):  # an encoder
        assert_same(a.state(), b.state(), path)
    elif type(a).__module__.startswith(("sklearn_xmodal", "sklearn.")):
        assert_same(dict(sorted(vars(a).items())), dict(sorted(vars(b).items())), path)
    else:
        raise AssertionError(f"{path}: say how to compare a {type(a)}")


def _plain(a, b, path):
    assert a == b, path


def _numbers(a, b, path):
    a, b = np.asarray(a), np.asarray(b)
    assert (a.dtype, a.tobytes()) == (b.dtype, b.tobytes()), path


def _arrays(a, b, path):
    assert (a.dtype, a.shape) == (b.dtype, b.shape), path
    if a.dtype == object:
        assert_same(a.ravel().tolist(), b.ravel().tolist(), path)
        return
    assert a.tobytes() == b.tobytes(), path
    if a.flags.f_contiguous or a.flags.c_contiguous:
        assert a.flags.f_contiguous == b.flags.f_contiguous, f"{path}: order"


def _sparse(a, b, path):
    assert (a.dtype, a.shape) == (b.dtype, b.shape), path
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part), path)


def _dicts(a, b, path):
    assert list(map(repr, a)) == list(map(repr, b)), path
    for (key, x), y in zip(a.items(), b.values(), strict=True):
        assert_same(x, y, f"{path}[{key!r}]")


def _sequences(a, b, path):
    assert len(a) == len(b), path
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        assert_same(x, y, f"{path}[{i}]")


def _random_states(a, b, path):
    assert_same(a.get_state(legacy=False), b.get_state(legacy=False), path)


def _tensors(a, b, path):
    assert_same(a.detach().cpu().numpy(), b.detach().cpu().numpy(), path)


def _modules(a, b, path):
    assert_same(dict(a.state_dict()), dict(b.state_dict()), path)
    assert_same(dict(a.named_buffers()), dict(b.named_buffers()), path)
    assert a.training == b.training, path
    for key in ("n_members", "n_components", "multi_label"):
        assert_same(getattr(a, key, None), getattr(b, key, None), path)


def _frames(a, b, path):
    import pandas as pd

    pd.testing.assert_frame_equal(a, b, check_exact=True, obj=path)


def _nets(a, b, path):
    left, right = (
        {k: v for k, v in sorted(vars(net).items()) if k not in _NET_IGNORES}
        for net in (a, b)
    )
    assert_same(left, right, path)
    if a.continues:
        states = [dict(net.optimizer_.state_dict()) for net in (a, b)]
        assert_same(*states, f"{path}.optimizer_")


_CASES = (
    ((bool, int, str, type, set, slice, range, np.ufunc, np.dtype, type(None)), _plain),
    ((float, np.generic), _numbers),
    (np.ndarray, _arrays),
    ((sparse.spmatrix, sparse.sparray), _sparse),
    (torch.Tensor, _tensors),
    (dict, _dicts),
    ((list, tuple), _sequences),
    (np.random.RandomState, _random_states),
    (NeuralNet, _nets),
    (torch.nn.Module, _modules),
)
