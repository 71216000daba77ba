"""Objects to JSON with tensors beside it, and back."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sklearn_xmodal.persistence._container import forged

#: What JSON writes and reads back as it was.
_PLAIN = (bool, int, str, type(None))
#: Arrays that several objects share may be copied by some of them.
_MOST_REPEATS = 16
#: Values that may come again beyond those: small files share what they like.
_FREE_VALUES = 2**13
#: Bytes of text that may be read as often beyond those, so short lists come often.
_FREE_TEXT = 2**12
#: Longer lists are no part of the header, see the kind "list".
MOST_ITEMS = 1000


#: Bytes of an array that is looked for among those that are stored.
_LEAST_SHARED = 1024


class Kind(NamedTuple):
    """One kind of value: how to know it, and both directions.

    Nodes of JSON are objects with a "type", the name of the kind, and what `encode`
    returned. `decode` gets them from a file that may be anybody's: it runs no code
    but that of its own kind, and raises whatever error where a node makes no sense.
    """

    matches: Any  # value -> bool; None, as `encode`, for what is only read
    encode: Any  # (value, encoder, path) -> dict
    decode: Callable[[dict, "Decoder"], Any]
    #: Whether two references to one value are to stay two references to one value.
    is_shared: bool = False


class Encoder:
    """From values to nodes, by kinds of which the first that matches is taken.

    `tensors` is name -> array, filled by `encode`.
    """

    def __init__(self, kinds):
        self.kinds = kinds
        self.tensors = {}
        self._seen = {}  # id -> its number, and the value, which keeps the id taken
        self._alike = {}  # type and shape -> names of tensors

    def encode(self, value, path):
        """Return the node of a value, for JSON; `path` is where it was found."""
        if type(value) in _PLAIN or (type(value) is float and math.isfinite(value)):
            return value
        if type(value) is list and len(value) <= MOST_ITEMS:
            return self.encode_items(value, path)
        for name, kind in self.kinds.items():
            if kind.matches(value):
                return self._node(name, kind, value, path)
        raise TypeError(_refusal(value, path))

    def encode_items(self, values, path):
        """Return a list of the nodes of some values."""
        return [self.encode(v, f"{path}[{i}]") for i, v in enumerate(values)]

    def encode_all(self, values, path):
        """Return a dict of the nodes of named values."""
        return {name: self.encode(v, f"{path}.{name}") for name, v in values.items()}

    def _node(self, name, kind, value, path):
        if not kind.is_shared:
            return {"type": name, **kind.encode(value, self, path)}
        if id(value) in self._seen:
            return {"type": "same", "as": self._seen[id(value)][0]}
        number = len(self._seen)
        self._seen[id(value)] = number, value
        return {"type": name, "number": number, **kind.encode(value, self, path)}

    def add_tensor(self, array, path):
        """Store a contiguous array of a type that files know, and return its name.

        Equal ones are stored once: encoders have the weights of a network, too.
        """
        alike = self._alike.setdefault((array.dtype.str, array.shape), [])
        if array.nbytes >= _LEAST_SHARED:
            for name in alike:
                if np.array_equal(_bytes(self.tensors[name]), _bytes(array)):
                    return name
        while path in self.tensors:
            path += "'"
        self.tensors[path] = array
        alike.append(path)
        return path


class Decoder:
    """From nodes to values, by name -> Kind and name -> array."""

    def __init__(self, kinds, tensors):
        self.kinds = kinds
        self._tensors = dict(tensors)
        self._taken = {}
        self._known = {}  # number -> a value, and how many it holds
        self._n_values = 0  # that were made
        self._n_met = 0  # by who walks through them: shared ones every time
        self._budget = _MOST_REPEATS * sum(a.nbytes for a in tensors.values())
        self._text_budget = _MOST_REPEATS * _FREE_TEXT

    def decode(self, node):
        """Return the value of a node; any error where its fields make no sense."""
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        name = node.get("type")
        if name == "same":
            return self._same(*self._known[node["as"]])
        if name not in self.kinds:
            raise forged(f"a value of type {name!r}")
        kind, n_before = self.kinds[name], self._n_met
        value = kind.decode(node, self)
        self._n_values += 1
        self._n_met += 1
        # Others may not come again: who walks through them would find no end.
        if "number" in node and kind.is_shared:
            self._known[node["number"]] = value, self._n_met - n_before
        return value

    def decode_all(self, nodes):
        """Return a dict of the values of named nodes."""
        return {name: self.decode(node) for name, node in nodes.items()}

    def take_tensor(self, name):
        """Return a tensor, or a copy of one that was taken before."""
        if name in self._taken:
            return self._repeated(self._taken[name]).copy()
        self._taken[name] = self._tensors.pop(name)
        return self._taken[name]

    def take_text(self, name):
        """Return the bytes of a text that holds nodes, which may name texts again.

        Each comes into the budget once, and goes out of it every time: what refers to
        itself twice, or to what does, would have no end.
        """
        if name not in self._taken:
            self._text_budget += _MOST_REPEATS * self._tensors[name].nbytes
        text = self.take_tensor(name)
        self._text_budget -= max(1, text.nbytes)
        if self._text_budget < 0:
            raise forged("references to the same lists time and again")
        return text.tobytes()

    def finish(self):
        """Raise an InvalidFileError if tensors are left."""
        if self._tensors:
            raise forged(
                f"tensors that nothing refers to, such as {min(self._tensors)}"
            )

    def _same(self, value, n_met):
        """Return a value that came before: two of the last one, and so on, are many."""
        self._n_met += n_met
        if self._n_met > _MOST_REPEATS * self._n_values + _FREE_VALUES:
            raise forged("references to the same objects time and again")
        return self._repeated(value)

    def _repeated(self, value):
        self._budget -= getattr(value, "nbytes", 0)
        if self._budget < 0:
            raise forged("references to the same arrays time and again")
        return value


def _bytes(array):
    return array.reshape(-1).view(np.uint8)


def _refusal(value, path):
    found = f"{path} = {type(value).__module__}.{type(value).__qualname__}"
    if callable(value) and hasattr(value, "__name__"):
        found = f"the function {value.__name__!r} as {path}"
        advice = "Functions are code. Give the name of one where that is possible"
    else:
        advice = "Set it to something of these"
    return (
        "Files without pickle hold numbers, strings, None, tuples, lists, dicts, "
        "arrays, CSR and CSC matrices, DataFrames, and models of sklearn_xmodal and "
        f"scikit-learn. Got {found}. {advice}, or use pickle or joblib for this one."
    )
