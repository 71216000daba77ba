"""Encoders as ONNX graphs: what they do to an array is recorded, step by step.

An encoder is written once, in NumPy. Here it gets an array that stands for any number
of rows, and whose operations become nodes, by the protocols of NumPy (NEP 13 and 18).
"""

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from scipy.special import expit

_OPSET = 18
_LARGEST = 2**31  # bytes of a protobuf message
_ROWS = "n"
# What code of other packages raises that is given no real array.
_CALLED_WITH_TRACED = (TypeError, ValueError, AttributeError)
_TYPES = {np.dtype("f4"): 1, np.dtype("f8"): 11, np.dtype("i8"): 7, np.dtype("?"): 9}


class Graph:
    """Nodes and constants of a graph that grows."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def add(self, operator, *inputs, shape, dtype, n_outputs=1, **attributes):
        """Append a node, and return what stands for its last output."""
        import onnx

        names = [x.name if isinstance(x, Traced) else self.constant(x) for x in inputs]
        outputs = [f"{operator}_{len(self.nodes)}_{i}" for i in range(n_outputs)]
        node = onnx.helper.make_node(operator, names, outputs, **attributes)
        self.nodes.append(node)
        return Traced(self, outputs[0], shape, dtype)

    def constant(self, values):
        """Store an array, and return its name."""
        import onnx

        name = f"constant_{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.asarray(values), name))
        return name


class Traced(NDArrayOperatorsMixin):
    """An array that is not there yet. Its number of rows is the string "n"."""

    def __init__(self, graph, name, shape, dtype):
        self.graph, self.name, self.shape = graph, name, tuple(shape)
        self.dtype = np.dtype(dtype)

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.shape)

    def __array__(self, *args, **kwargs):
        raise _untraceable("code that needs the values")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if method != "__call__" or ufunc not in _UFUNCS or options:
            raise _untraceable(ufunc.__name__)
        # Nothing here is changed in place: what an in-place operation returns is new.
        return _UFUNCS[ufunc](self.graph, *inputs)

    def __array_function__(self, function, types, args, kwargs):
        if function not in _FUNCTIONS:
            raise _untraceable(function.__name__)
        return _FUNCTIONS[function](self.graph, *args, **kwargs)

    def astype(self, dtype, order=None, copy=True):
        """Return a cast, or itself."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        return self.graph.add(
            "Cast", self, shape=self.shape, dtype=dtype, to=_TYPES[dtype]
        )

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        if Ellipsis in index:
            place = index.index(Ellipsis)
            n_more = self.ndim - len(index) + 1
            index = index[:place] + (slice(None),) * n_more + index[place + 1 :]
        found, axis = self, 0
        for part in index:
            if part is None:
                found = _unsqueezed(found, axis)
            elif isinstance(part, slice):
                found = _sliced(found, part, axis)
            else:
                found = _picked(found, part, axis)
                axis -= 1
            axis += 1
        return found


def _untraceable(name):
    return TypeError(f"{name} is not among the operators that are recorded.")


def _shape_of(x):
    return x.shape if isinstance(x, Traced) else np.shape(x)


def _broadcast(*shapes):
    """Return the shape of a result; the number of rows goes with 1 only."""
    n_axes = max(map(len, shapes))
    padded = [(1,) * (n_axes - len(shape)) + tuple(shape) for shape in shapes]
    sizes = (set(axis) - {1} for axis in zip(*padded, strict=True))
    return tuple(next(iter(size), 1) for size in sizes)


def _of_one_type(inputs):
    """Return the type of a result, and the inputs cast to it."""
    common = np.result_type(*(x.dtype if isinstance(x, Traced) else x for x in inputs))
    return common, [
        x.astype(common) if isinstance(x, Traced) else np.asarray(x, common)
        for x in inputs
    ]


def _elementwise(operator, dtype=None):
    def record(graph, *inputs):
        common = np.result_type(
            *(x.dtype if isinstance(x, Traced) else x for x in inputs)
        )
        cast = [
            x.astype(common) if isinstance(x, Traced) else np.asarray(x, common)
            for x in inputs
        ]
        shape = _broadcast(*map(_shape_of, inputs))
        return graph.add(operator, *cast, shape=shape, dtype=dtype or common)

    return record


def _matmul(graph, a, b):
    common = np.result_type(a.dtype, b.dtype)
    a, b = a.astype(common), b.astype(common)
    *front, n, _ = _shape_of(a)
    *other, _, m = _shape_of(b)
    shape = (*_broadcast(tuple(front), tuple(other)), n, m)
    return graph.add("MatMul", a, b, shape=shape, dtype=common)


def _square(graph, x):
    return x * x


_UFUNCS = {
    np.add: _elementwise("Add"),
    np.subtract: _elementwise("Sub"),
    np.multiply: _elementwise("Mul"),
    np.true_divide: _elementwise("Div"),
    np.power: _elementwise("Pow"),
    np.maximum: _elementwise("Max"),
    np.negative: _elementwise("Neg"),
    np.absolute: _elementwise("Abs"),
    np.exp: _elementwise("Exp"),
    np.sqrt: _elementwise("Sqrt"),
    np.tanh: _elementwise("Tanh"),
    np.sin: _elementwise("Sin"),
    np.cos: _elementwise("Cos"),
    np.greater: _elementwise("Greater", bool),
    np.square: _square,
    np.matmul: _matmul,
    expit: _elementwise("Sigmoid"),
}


def _reduced(operator):
    def record(graph, x, axis=None, keepdims=False):
        axis = axis % x.ndim
        kept = (1,) if keepdims else ()
        shape = (*x.shape[:axis], *kept, *x.shape[axis + 1 :])
        # An attribute in some of the operators of this opset, an input in others.
        attributes = {"keepdims": int(keepdims)}
        inputs = (x, np.array([axis]))
        return graph.add(operator, *inputs, shape=shape, dtype=x.dtype, **attributes)

    return record


def _concatenated(graph, parts, axis=0):
    common = np.result_type(*(part.dtype for part in parts))
    parts = [part.astype(common) for part in parts]
    axis = axis % parts[0].ndim
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    return graph.add("Concat", *parts, shape=shape, dtype=common, axis=axis)


def _where(graph, condition, one, other):
    common, sides = _of_one_type((one, other))
    shape = _broadcast(*map(_shape_of, (condition, *sides)))
    return graph.add("Where", condition, *sides, shape=shape, dtype=common)


def _sorted(graph, x, axis=-1):
    size = np.array([x.shape[axis]])
    return graph.add(
        "TopK", x, size, shape=x.shape, dtype=x.dtype, n_outputs=2, largest=0, axis=axis
    )


def _partitioned(graph, x, kth, axis=-1):
    return _sorted(graph, x, axis)


def _einsum(graph, equation, *inputs):
    if equation != "ij,ij->i" or inputs[0] is not inputs[1]:
        raise _untraceable(f"einsum {equation}")
    return np.sum(inputs[0] * inputs[1], axis=1)


_FUNCTIONS = {
    np.sum: _reduced("ReduceSum"),
    np.mean: _reduced("ReduceMean"),
    np.max: _reduced("ReduceMax"),
    np.concatenate: _concatenated,
    np.where: _where,
    np.sort: _sorted,
    np.partition: _partitioned,
    np.einsum: _einsum,
}


def _unsqueezed(x, axis):
    shape = (*x.shape[:axis], 1, *x.shape[axis:])
    return x.graph.add("Unsqueeze", x, np.array([axis]), shape=shape, dtype=x.dtype)


def _sliced(x, part, axis):
    if part == slice(None):
        return x
    start, stop, _ = part.indices(x.shape[axis])
    shape = (*x.shape[:axis], stop - start, *x.shape[axis + 1 :])
    ends = (np.array([i]) for i in (start, stop, axis))
    return x.graph.add("Slice", x, *ends, shape=shape, dtype=x.dtype)


def _picked(x, place, axis):
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    place = np.array(place)
    return x.graph.add("Gather", x, place, shape=shape, dtype=x.dtype, axis=axis)


class NoCounterpartError(TypeError):
    """A step that cannot be recorded, which the message names."""


def recorded(encoder, X):
    """Return what a step of an encoder makes of an array that is not there."""
    try:
        return encoder._encode(X)
    except NoCounterpartError:  # of a step inside, which says more
        raise
    except _CALLED_WITH_TRACED as error:
        raise NoCounterpartError(
            "Every step of an encoder must have a counterpart in ONNX. Got "
            f"{encoder._step_name()}, which has none: {error}"
        ) from error


def traced(encoder):
    """Return the ONNX model of an encoder."""
    onnx = _import_onnx()
    graph = Graph()
    features = Traced(graph, "features", (_ROWS, encoder.n_features_in_), np.float32)
    # What is not in float32 by the encoder's own rule is in float64.
    codes = encoder.apply(features.astype(np.float64)).astype(np.float32)
    graph.nodes.append(onnx.helper.make_node("Identity", [codes.name], ["codes"]))
    ends = [
        onnx.helper.make_tensor_value_info(name, 1, [_ROWS, width])
        for name, width in (
            ("features", encoder.n_features_in_),
            ("codes", encoder.n_components_),
        )
    ]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes, type(encoder).__name__, ends[:1], ends[1:], graph.constants
        ),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        producer_name="sklearn_xmodal",
    )
    model.ir_version = min(model.ir_version, 8)  # of the year of that opset
    if model.ByteSize() >= _LARGEST:
        raise ValueError(
            "An encoder must be smaller than 2 GB, the limit of a file of ONNX. Got "
            f"{model.ByteSize():,} bytes."
        )
    return model


def _import_onnx():
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(
            'ONNX needs the package onnx: pip install "sklearn-xmodal[onnx]"'
        ) from error
    return onnx
