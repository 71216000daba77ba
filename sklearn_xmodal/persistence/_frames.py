"""DataFrames of numbers, such as class embeddings indexed by label."""

import sys

import numpy as np

from sklearn_xmodal.persistence._codec import Kind


def _is_frame(value):
    pandas = sys.modules.get("pandas")
    return pandas is not None and type(value) is pandas.DataFrame


def _encode_frame(value, encoder, path):
    columns = [value.iloc[:, i] for i in range(value.shape[1])]
    for column in columns:
        if not isinstance(column.dtype, np.dtype) or column.dtype.kind not in "biuf":
            raise TypeError(
                f"{path} must be a DataFrame of numbers to be stored. Got a column "
                f"of {column.dtype}; convert it."
            )
    if len({column.dtype for column in columns}) == 1:
        values = encoder.encode(value.to_numpy(), f"{path}.values")
    else:
        values = [
            encoder.encode(column.to_numpy(), f"{path}.values[{i}]")
            for i, column in enumerate(columns)
        ]
    return {
        "values": values,
        "index": _encode_index(value.index, encoder, f"{path}.index"),
        "columns": _encode_index(value.columns, encoder, f"{path}.columns"),
    }


def _encode_index(index, encoder, path):
    if index.nlevels > 1:
        raise TypeError(
            f"{path} must have one level to be stored. Got a {type(index).__name__} "
            f"of {index.nlevels}."
        )
    return {
        "labels": encoder.encode(index.to_numpy(), path),
        "name": encoder.encode(index.name, f"{path}.name"),
        "is_object": index.dtype == object,
    }


def _decode_frame(node, decoder):
    import pandas as pd

    values = decoder.decode(node["values"])
    index = _decode_index(node["index"], decoder)
    columns = _decode_index(node["columns"], decoder)
    if isinstance(values, np.ndarray):
        return pd.DataFrame(values, index=index, columns=columns)
    frame = pd.DataFrame(dict(enumerate(values)), index=index)
    return frame.set_axis(columns, axis=1)


def _decode_index(node, decoder):
    import pandas as pd

    labels, name = decoder.decode(node["labels"]), decoder.decode(node["name"])
    return pd.Index(labels, dtype=object if node["is_object"] else None, name=name)


KINDS = {"DataFrame": Kind(_is_frame, _encode_frame, _decode_frame, is_shared=True)}
