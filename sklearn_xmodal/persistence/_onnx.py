"""Both encoders of a model as ONNX files, for other languages."""

from contextlib import ExitStack

from sklearn_xmodal.encoders import Encoder
from sklearn_xmodal.utils._atomic import making_folder, replacing


def export_onnx(retriever, folder):
    """Write the image encoder and the text encoder as two ONNX files.

    Each maps features, what `fit` was given, to what `transform_image` and
    `transform_text` return. The graphs are recorded from the encoders themselves, see
    :meth:`~sklearn_xmodal.encoders.Encoder.to_onnx`.

    Parameters
    ----------
    retriever : estimator
        A fitted retriever, or a Pipeline that ends in one.

    folder : str or path-like
        Where to write ``image.onnx`` and ``text.onnx``; created if need be. Existing
        files are replaced, each in one step, once both are written.

    Returns
    -------
    paths : dict
        "image" and "text" -> path.

    Raises
    ------
    TypeError
        If a step has no counterpart in ONNX: transformers and models of other
        packages, callable and precomputed kernels, and those of chi-squared and
        Manhattan distances.

    ValueError
        If an encoder takes more than 2 GB, or something else than a folder has that
        path.

    ImportError
        If the package onnx is missing.

    See Also
    --------
    sklearn_xmodal.save : Keeps the whole retriever, or one encoder, for Python.

    Notes
    -----
    The input "features" is float32 of shape (n, number of features), n is free; the
    output "codes" is float32. Sparse text has to be made dense before. The graph
    computes in float64 where the encoder does. Codes differ from those of
    `transform` of float32 features by rounding: relative to the largest, 1e-6 mostly,
    and some 1e-5 for the blocks "kernel" and "posterior" of an
    :class:`MSLNRetriever`, which magnify the rounding of the features: up to 2e-4 in
    extreme cases.
    """
    from sklearn_xmodal.base import encoder_of

    if isinstance(retriever, Encoder):
        raise TypeError(
            "export_onnx takes a fitted retriever, and writes both of its encoders. "
            f"Got {type(retriever).__name__}: of one encoder, write what encoder."
            "to_onnx().SerializeToString() returns into a file."
        )
    models = {}
    for modality in ("image", "text"):
        encoder = encoder_of(retriever, modality)
        try:
            models[modality] = encoder.to_onnx()
        except TypeError as error:
            error.add_note(f"Raised by the {modality} encoder.")
            raise
    with making_folder(folder, "folder") as home, ExitStack() as both:
        paths = {modality: home / f"{modality}.onnx" for modality in models}
        files = {m: both.enter_context(replacing(path)) for m, path in paths.items()}
        for modality, file in files.items():
            file.write(models[modality].SerializeToString())
    return paths
