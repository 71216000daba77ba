"""What a training will take of memory, before it takes it."""

import math

import torch

from sklearn_xmodal.deep._layers import StackedLinear
from sklearn_xmodal.deep.training._data import BLOCK_ROWS
from sklearn_xmodal.utils._memory import check_memory

_FLOAT = 4
# Of every weight: itself, its gradient, two moments of the optimiser, the copy of the
# last good epoch.
_COPIES_OF_WEIGHTS = 5
# Of every output of a layer in training: itself, what comes after it, its gradient.
_COPIES_OF_OUTPUTS = 3
# Values of float32 and float64 where means of codes are taken.
_BYTES_OF_CODES = 12


def check_sizes_fit(n_members, n_components, hidden_layer_sizes):
    """Raise a ValueError for networks whose biases alone would not fit into memory.

    Before anything is made per network or per component.
    """
    per_member = 2 * (n_components + sum(map(int, hidden_layer_sizes)))
    n_bytes = _COPIES_OF_WEIGHTS * _FLOAT * int(n_members) * int(per_member)
    sizes = {
        "n_members": n_members,
        "n_components": n_components,
        "hidden_layer_sizes": hidden_layer_sizes,
    }
    _check(n_bytes, sizes, "Lower the largest of these.")


def check_training_fits(make, sizes, n_rows, batch_size, device):
    """Raise a ValueError for a network that would not fit into memory.

    `make` builds it from `sizes`, which happens without memory here.
    """
    try:
        with torch.device("meta"):
            network = make(**{**sizes, "device": "cpu"})
    except RuntimeError:  # more bytes than an integer of 64 bits counts
        n_bytes = math.inf
    else:
        n_bytes = _bytes_of(network, n_rows, batch_size)
    batch_size = min(batch_size, n_rows)
    inputs = [sizes[f"n_{name}_features"] for name in ("image", "text")]
    advice = (
        f"Lower the largest of these, n_input_components for {inputs[0]} and "
        f"{inputs[1]} inputs, or batch_size for batches of {batch_size}, or reduce the "
        "features before fit (PCA, TruncatedSVD)."
    )
    _check(n_bytes, sizes, advice, _memory_of(device))


def _check(n_bytes, sizes, advice, usable=None):
    what = (
        f"A network of n_components={sizes['n_components']}, "
        f"n_estimators={sizes['n_members']} and "
        f"hidden_layer_sizes={sizes['hidden_layer_sizes']}, with its gradients and its "
        "optimiser,"
    )
    check_memory(n_bytes, what, advice, usable)


def _bytes_of(network, n_rows, batch_size):
    """Estimate what training and encoding take at most at one time."""
    n_weights = sum(w.numel() for w in network.state_dict().values())
    layers = [x for x in network.modules() if isinstance(x, StackedLinear)]
    # (s, i, o): what s networks give per row
    outputs = [layer.weight.shape[0] * layer.weight.shape[2] for layer in layers]
    batch = min(batch_size, n_rows)
    # Losses compare all pairs of a batch.
    pairs = network.n_members * batch**2
    training = _COPIES_OF_OUTPUTS * (batch * sum(outputs) + pairs) * _FLOAT
    encoding = min(BLOCK_ROWS, n_rows) * max(outputs) * _BYTES_OF_CODES
    return _COPIES_OF_WEIGHTS * n_weights * _FLOAT + max(training, encoding)


def _memory_of(device):
    """Return the bytes of a device, None for those of the machine."""
    device = torch.device(device)
    if device.type != "cuda":
        return None
    return torch.cuda.get_device_properties(device).total_memory
