"""What is kept of a net in a file: its sizes, weights, history and optimiser."""

import math

import numpy as np
import torch
from skorch.callbacks import PassthroughScoring
from skorch.history import History

from sklearn_xmodal.deep.training import resolve_optimizer, usable_device
from sklearn_xmodal.utils._entries import check_entries

_ENTRIES = ("options", "optimizer", "weights", "history", "optimizer_state")
_PREFIXES = ("module__", "criterion__", "optimizer__", "callbacks__")
_OPTIONS = ("lr", "max_epochs", "batch_size", "verbose", "device")
_HOOKS = "callbacks__"
_VALUES = (bool, int, float, str, type(None), np.generic, np.ndarray)
_BATCHES = "batches"


def net_state(net):
    """Return what a file holds of a net that has done its training.

    That of one which goes on, by `partial_fit`, has the state of its optimiser.
    """
    options = {
        name: value
        for name, value in vars(net).items()
        if name in _OPTIONS or name.startswith(_PREFIXES)
    }
    goes_on = net.continues
    return {
        "options": options,
        "optimizer": net.optimizer,
        "weights": _to_arrays(dict(net.module_.state_dict())),
        "history": _history_to_state(net.history),
        "optimizer_state": _to_arrays(net.optimizer_.state_dict()) if goes_on else None,
    }


def net_from_state(state, module, restore):
    """Return the net; `restore` makes one of a module from optimiser and options."""
    check_entries(state, _ENTRIES)
    options = _checked_options(state["options"])
    for name in ("device", "module__device"):
        options[name] = usable_device(options[name])
        if torch.device(options[name]).type == "meta":
            raise ValueError("a device that holds no weights")
    weights = {name: torch.from_numpy(w) for name, w in state["weights"].items()}
    _check_sizes(module, options, weights)
    net = restore(resolve_optimizer(state["optimizer"]), options)
    net.module_.load_state_dict(weights)
    net.history = _history_from_state(state["history"])
    if state["optimizer_state"] is not None:
        net.continues = True
        net.optimizer_.load_state_dict(_to_tensors(state["optimizer_state"]))
        _check_optimizer(net.optimizer_)
        _set_best_scores(net)
    net.pause()
    return net


def _checked_options(options):
    """Return arguments of a net: no others than it was saved with, and no code."""
    unknown = [n for n in options if n not in _OPTIONS and not n.startswith(_PREFIXES)]
    if unknown or any(options[n] is not None for n in options if n.startswith(_HOOKS)):
        raise ValueError(f"options of a net {sorted(options)}")
    _check_values(options)
    return dict(options)


def _check_values(value):
    waiting = [value]
    for value in waiting:  # which grows meanwhile
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
        elif not isinstance(value, _VALUES):
            raise ValueError(f"a net with a {type(value).__name__}")


def _check_sizes(module, options, weights):
    """Raise a ValueError before a network is made that is larger than its weights."""
    sizes = {k[8:]: v for k, v in options.items() if k.startswith("module__")}
    if len(sizes["hidden_layer_sizes"]) > len(weights):
        raise ValueError("more layers than weights")
    with torch.device("meta"):
        made = module(**{**sizes, "device": "cpu"})
    expected = {name: w.shape for name, w in made.state_dict().items()}
    if expected != {name: w.shape for name, w in weights.items()}:
        raise ValueError("weights of other sizes than those of the network")
    n_inputs = sizes.get("n_inputs")
    if n_inputs is not None and len(n_inputs) != sizes["n_members"]:
        raise ValueError("n_inputs of another length than n_members")


def _check_optimizer(optimizer):
    """Raise a ValueError if moments are of other sizes than their parameters."""
    for parameter, state in optimizer.state.items():
        shapes = {t.shape for t in state.values() if isinstance(t, torch.Tensor)}
        is_fused = any(group.get("fused") for group in optimizer.param_groups)
        if is_fused and not shapes <= {torch.Size(), parameter.shape}:
            raise ValueError("moments of other sizes than their weights")


def _set_best_scores(net):
    """Let the next epoch be compared with all before."""
    for _, callback in net.callbacks_:
        if isinstance(callback, PassthroughScoring):
            known = (e[callback.name] for e in net.history if callback.name in e)
            callback.best_score_ = min(known, default=math.inf)


def _to_arrays(value):
    """Replace tensors, within dicts and lists, by arrays on the CPU."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {k: _to_arrays(v) for k, v in value.items()}
    return [_to_arrays(v) for v in value] if isinstance(value, list) else value


def _to_tensors(value):
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {k: _to_tensors(v) for k, v in value.items()}
    return [_to_tensors(v) for v in value] if isinstance(value, list) else value


def _history_to_state(history):
    """Return records of epochs, and those of batches as columns where they can be."""
    epochs = [{k: v for k, v in e.items() if k != _BATCHES} for e in history]
    batches = [epoch[_BATCHES] for epoch in history]
    records = [record for of_epoch in batches for record in of_epoch]
    columns = _columns(records)
    if columns is None:
        return {"epochs": epochs, "batches": batches}
    n_batches = np.array([len(of_epoch) for of_epoch in batches], dtype=np.int64)
    return {"epochs": epochs, "n_batches": n_batches, "columns": columns}


def _columns(records):
    """Return one array per key, or None where records differ in keys or types."""
    kinds = {tuple((k, type(v)) for k, v in record.items()) for record in records}
    if len(kinds) != 1 or not {kind for _, kind in next(iter(kinds))} <= {float, int}:
        return None
    return {key: np.array([r[key] for r in records]) for key in records[0]}


def _history_from_state(state):
    _check_values(state)
    batches = state.get(_BATCHES)
    if batches is None:
        values = {key: column.tolist() for key, column in state["columns"].items()}
        rows = zip(*values.values(), strict=True)
        records = [dict(zip(values, row, strict=True)) for row in rows]
        stops = np.cumsum(state["n_batches"]).tolist()
        if stops[-1] != len(records):
            raise ValueError("batches of a history")
        starts = [0, *stops]
        batches = [records[i:j] for i, j in zip(starts, stops, strict=False)]
    epochs = zip(state["epochs"], batches, strict=True)
    # In the order in which skorch records them.
    return History({_BATCHES: of_epoch, **epoch} for epoch, of_epoch in epochs)
