"""Numbers that JSON would change, long lists, tuples, dicts, paths, random states."""

import json
import struct
from pathlib import Path

import numpy as np

from sklearn_xmodal.persistence._arrays import checked_dtype, named_dtype
from sklearn_xmodal.persistence._codec import Kind
from sklearn_xmodal.persistence._container import no_constant
from sklearn_xmodal.utils._entries import check_hashes

_KEY_LENGTH = 624  # of the Mersenne twister


def _encode_float(value, encoder, path):
    return {"hex": struct.pack("<d", value).hex()}


def _decode_float(node, decoder):
    return struct.unpack("<d", bytes.fromhex(node["hex"]))[0]


def _encode_scalar(value, encoder, path):
    if type(value) is np.str_:
        return {"str": str(value)}
    dtype = checked_dtype(value.dtype, path)
    return {"dtype": dtype.str, "hex": value.tobytes().hex()}


def _decode_scalar(node, decoder):
    if "str" in node:
        return np.str_(node["str"])
    dtype = checked_dtype(named_dtype(node["dtype"]), "scalar")
    (value,) = np.frombuffer(bytes.fromhex(node["hex"]), dtype)
    if dtype.kind == "b" and node["hex"] not in ("00", "01"):
        raise ValueError("a boolean")
    return value


def _encode_list(value, encoder, path):
    # Millions of items are no text for the header, which has a largest size.
    text = json.dumps(encoder.encode_items(value, path), allow_nan=False)
    return {"tensor": encoder.add_tensor(np.frombuffer(text.encode(), np.uint8), path)}


def _decode_list(node, decoder):
    text = decoder.take_text(node["tensor"])
    return decoder.decode(json.loads(text, parse_constant=no_constant))


def _encode_tuple(value, encoder, path):
    return {"items": encoder.encode(list(value), path)}


def _decode_tuple(node, decoder):
    return tuple(decoder.decode(node["items"]))


def _encode_dict(value, encoder, path):
    items = [
        [encoder.encode(key, f"a key of {path}"), encoder.encode(v, f"{path}[{key!r}]")]
        for key, v in value.items()
    ]
    return {"items": items}


def _decode_dict(node, decoder):
    items = [(decoder.decode(k), decoder.decode(v)) for k, v in node["items"]]
    check_hashes(key for key, _ in items)
    return dict(items)


def _encode_random_state(value, encoder, path):
    state = value.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise TypeError(
            f"{path} must be an int, None or a RandomState of the default generator "
            f"(MT19937) to be stored. Got one of {state['bit_generator']}."
        )
    return {
        "key": encoder.encode(state["state"]["key"], f"{path}.key"),
        "pos": int(state["state"]["pos"]),
        "has_gauss": int(state["has_gauss"]),
        "gauss": encoder.encode(float(state["gauss"]), path),
    }


def _decode_random_state(node, decoder):
    key, pos = decoder.decode(node["key"]), node["pos"]
    is_key = isinstance(key, np.ndarray) and key.dtype == np.uint32
    if not is_key or key.shape != (_KEY_LENGTH,) or not 0 <= pos <= _KEY_LENGTH:
        raise ValueError("state of a random generator")
    random_state = np.random.RandomState(0)
    gauss = float(decoder.decode(node["gauss"]))
    random_state.set_state(("MT19937", key, pos, int(node["has_gauss"]), gauss))
    return random_state


def _encode_path(value, encoder, path):
    return {"path": str(value)}


def _decode_path(node, decoder):
    return Path(node["path"])


KINDS = {
    "path": Kind(lambda value: isinstance(value, Path), _encode_path, _decode_path),
    "float": Kind(lambda value: type(value) is float, _encode_float, _decode_float),
    "scalar": Kind(
        lambda value: isinstance(value, np.generic), _encode_scalar, _decode_scalar
    ),
    "list": Kind(lambda value: type(value) is list, _encode_list, _decode_list),
    "tuple": Kind(lambda value: type(value) is tuple, _encode_tuple, _decode_tuple),
    "dict": Kind(lambda value: type(value) is dict, _encode_dict, _decode_dict),
    "RandomState": Kind(
        lambda value: type(value) is np.random.RandomState,
        _encode_random_state,
        _decode_random_state,
        is_shared=True,
    ),
}
