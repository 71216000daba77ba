"""Saving and loading."""

import os
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sklearn_xmodal._version import __version__
from sklearn_xmodal.persistence import (
    _arrays,
    _frames,
    _objects,
    _skops,
    _values,
    _version_1,
)
from sklearn_xmodal.persistence._card import make_card
from sklearn_xmodal.persistence._codec import Decoder, Encoder
from sklearn_xmodal.persistence._container import (
    forged,
    open_file,
    read_header,
    read_tensors,
    write,
)
from sklearn_xmodal.persistence._errors import InvalidFileError
from sklearn_xmodal.utils._atomic import replacing

#: The first that matches a value is taken, so own classes go before scikit-learn's.
KINDS = {
    **_values.KINDS,
    **_arrays.KINDS,
    **_frames.KINDS,
    **_objects.KINDS,
    **_skops.KINDS,
}
#: What `read` may leave in a file: the largest array of an index.
_MAPPED = {"RetrievalIndex.vectors"}


def save(obj, path: str | os.PathLike, *, card: dict | None = None) -> None:
    """Store a model or an index in one file, without pickle.

    The file holds parameters and what was fitted, arrays as they are, and a model
    card. Whatever happens in the meantime, `path` is the old file or the new one as a
    whole.

    Parameters
    ----------
    obj : estimator, encoder or RetrievalIndex
        A retriever, a :class:`~sklearn_xmodal.ModalityTransformer`, a Pipeline of
        these and of scikit-learn's transformers, or one of the latter; fitted or not.
        Or a :class:`~sklearn_xmodal.RetrievalIndex`, or what encodes one modality.

    path : str or path-like
        The file. An existing one is replaced.

    card : mapping, default=None
        What else is to be in the card, such as scores and a description: strings,
        numbers, `None`, lists, and dicts with strings as keys.

    Raises
    ------
    TypeError
        If a parameter or attribute has no place in such a file, functions for
        example; the message names it.

    ValueError
        If `path` is a folder, a pipe or a device, or `card` has a name that is filled
        in anyway.

    FileNotFoundError
        If the folder does not exist.

    OSError
        If the system refuses to write: the disk is full, for example. It says what to
        do.

    ImportError
        If there are objects of scikit-learn, and skops is not installed.

    See Also
    --------
    sklearn_xmodal.load : The way back.
    sklearn_xmodal.persistence.read_card : What the file says of its model.

    Notes
    -----
    The layout is that of safetensors. A neural network is stored on the CPU, with its
    history, and with the state of its optimiser where `partial_fit` goes on with it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_xmodal import CCARetriever, load, save
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(100, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cca.xmodal"
    ...     save(CCARetriever(4).fit(X_img, X_txt, y), path)
    ...     load(path)
    CCARetriever(n_components=4)
    """
    path = _checked_path(path)
    if not _is_model(obj):
        raise TypeError(
            "obj must be an estimator of sklearn_xmodal or scikit-learn, an encoder or "
            f"a RetrievalIndex. Got {type(obj).__name__}."
        )
    if os.path.isfile(path / _version_1.DOCUMENT):  # noqa: PTH113  # whatever the name
        raise ValueError(
            f"path must be that of a file. Got {str(path)!r}, the folder of an index "
            "from an earlier version. Load it, move or delete the folder, and save "
            "what was loaded."
        )
    encoder = Encoder(KINDS)
    document = {"card": make_card(obj, card)}
    try:
        document["object"] = encoder.encode(obj, type(obj).__name__)
    except RecursionError:
        raise ValueError(
            "obj must not be nested without end. Got a list, dict or estimator that "
            "holds itself, or hundreds of levels."
        ) from None
    with replacing(path) as file:
        write(file, document, encoder.tensors)


def load(path):
    """Read what `save` has written, with this version or an earlier one.

    No code of the file is run, and nothing is imported by its wish: it may name
    public classes of this package and what skops holds safe of scikit-learn, and no
    others. Every byte is checked. What was trained on CUDA comes to the CPU where there
    is none. The vectors of an index stay in its file, and are read when they are
    needed: see :meth:`sklearn_xmodal.RetrievalIndex.load`.

    Parameters
    ----------
    path : str or path-like
        The file, or the folder of an index from an earlier version.

    Returns
    -------
    obj : estimator, encoder or RetrievalIndex
        As it was saved.

    Raises
    ------
    InvalidFileError
        A `ValueError`, if the file is damaged, foreign, newer than this version, or
        cannot be read. It names the file.

    FileNotFoundError
        If there is no such file.

    ImportError
        If the file has objects of scikit-learn, and skops is not installed.

    Warns
    -----
    UserWarning
        If another version of this package has written the file.

    See Also
    --------
    sklearn_xmodal.save : Writes such files.

    Examples
    --------
    >>> import pickle
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_xmodal import load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.pkl"
    ...     _ = path.write_bytes(pickle.dumps({}))
    ...     try:
    ...         load(path)
    ...     except ValueError as error:
    ...         print(str(error).split(". ")[1])
    Got a pickle or joblib file, which would run code
    """
    return read(path)


def read(path, *, mmap_mode="r", verify=True):
    """Read a file, or the folder of an index from an earlier version.

    The vectors of an index stay in the file but with `mmap_mode=None`. Without `verify`
    there is no look at checksums of arrays, and at values that no index has.
    """
    path = _checked_path(path)
    with _naming(path):
        if path.is_dir():
            options = {"mmap_mode": mmap_mode, "verify": verify, "read_model": read}
            decode = partial(_version_1.read_folder, path, **options)
        else:
            decode = partial(_decode, *_read_file(path, mmap_mode, verify))
        try:
            return _checked_model(decode(), verify)
        except (InvalidFileError, OSError, ImportError, Warning):
            raise  # a warning is an error where the user wants it to be one
        except Exception as error:  # of packages that were given what they cannot take
            raise forged(f"values that do not fit together, {error!r:.500}") from error


@contextmanager
def _naming(path):
    """Let every error of a file that is there be one class, and tell the path."""
    try:
        yield
    except FileNotFoundError:
        raise
    except InvalidFileError as error:
        if str(path) not in str(error):
            error.args = (f"{error} The file is {str(path)!r}.",)
        raise
    except OSError as error:
        raise InvalidFileError(
            f"path must be that of a file that can be read. Got {str(path)!r}: {error}."
        ) from error


def _checked_model(obj, verify):
    if not _is_model(obj):
        raise forged(f"a {type(obj).__name__}")
    if verify and hasattr(type(obj), "_check_vectors"):
        obj._check_vectors()
    return obj


def _read_file(path, mmap_mode, verify):
    mapped = () if mmap_mode is None else _MAPPED
    with open_file(path) as file:
        header = read_header(file)
        tensors = read_tensors(file, header, mapped=mapped, verify=verify)
    _warn_of_version(header.document)
    return header, tensors


def _decode(header, tensors):
    kinds = KINDS if header.version > 1 else {**KINDS, **_version_1.KINDS}
    decoder = Decoder(kinds, tensors)
    obj = decoder.decode(header.document["object"])
    decoder.finish()
    return obj


def _is_model(obj):
    is_estimator = hasattr(obj, "get_params") and not isinstance(obj, type)
    return is_estimator or _objects.is_model(obj)


def read_card(path: str | os.PathLike) -> dict:
    """Read what a file says of its model, without loading that.

    Parameters
    ----------
    path : str or path-like
        A file that `save` has written.

    Returns
    -------
    card : dict
        "class", "created" (UTC), "versions"; for a fitted model its numbers of
        features, components and classes, and the classes if they are not too many; and
        what was given to `save`. Numbers that are not finite come as strings.

    Raises
    ------
    InvalidFileError
        As in `load`, but for damage among the arrays, which are not read.

    FileNotFoundError
        If there is no such file.

    See Also
    --------
    sklearn_xmodal.load : Reads the model itself.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_xmodal import CCARetriever, save
    >>> from sklearn_xmodal.persistence import read_card
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cca.xmodal"
    ...     save(CCARetriever(), path, card={"scores": {"mAP": 0.61}})
    ...     read_card(path)["scores"]
    {'mAP': 0.61}
    """
    path = _checked_path(path)
    with _naming(path):
        with open_file(path) as file:
            card = read_header(file).document.get("card")
        if not isinstance(card, dict):
            raise forged("no card")
    return card


def _checked_path(path) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a str or a path. Got {type(path).__name__}.")
    path = Path(os.fsdecode(path))
    if "\0" in str(path):
        raise ValueError(f"path must be one of this system. Got {str(path)!r}.")
    return path


def _warn_of_version(document):
    card = document.get("card")
    versions = card.get("versions") if isinstance(card, dict) else None
    version = versions.get("sklearn_xmodal") if isinstance(versions, dict) else None
    if version != __version__:
        warnings.warn(
            f"The file was written by sklearn_xmodal {version}, and is read by "
            f"{__version__}. Check the model before you rely on it.",
            stacklevel=5,
        )
