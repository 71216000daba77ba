"""Encoders as ONNX graphs: raw features in, codes out."""

import copy
import logging
import warnings
from inspect import signature
from pathlib import Path

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_xmodal.cross_decomposition._engine._retrievers import SpectralRetriever
from sklearn_xmodal.deep._msln import MSLNRetriever
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._atomic import replacing
from sklearn_xmodal.utils._linalg import relative_powers

_LARGEST = 2**31  # bytes of a protobuf message


class _LinearEncoder(nn.Module):
    """What a SpectralRetriever does to one modality, in float64 inside."""

    def __init__(self, retriever, modality):
        super().__init__()
        powers = relative_powers(*retriever._spectrum())
        weights = getattr(retriever, f"{modality}_weights_") * powers
        self.register_buffer("weights", torch.tensor(weights))
        mean = getattr(retriever, f"{modality}_mean_")
        self.register_buffer("mean", torch.tensor(mean))

    def forward(self, features):
        """Map (n, p) to (n, n_components_)."""
        return ((features.double() - self.mean) @ self.weights).float()


class _NetworkEncoder(nn.Module):
    """What an MSLNRetriever does: input map, networks, and all blocks in use."""

    def __init__(self, retriever, modality):
        super().__init__()
        self.modality = modality
        self.network = copy.deepcopy(retriever.net_.module_).cpu()
        self.representation = retriever.representation_
        self.block_weights = retriever.block_weights_
        self.register_buffer(
            "mean", torch.tensor(getattr(retriever, f"{modality}_mean_"))
        )
        components = getattr(retriever, f"{modality}_components_")
        components = None if components is None else torch.tensor(components.T)
        self.register_buffer("components", components)
        self.scale = float(getattr(retriever, f"{modality}_scale_"))

    def forward(self, features):
        """Map (n, p) to (n, n_components_)."""
        x = features.double() - self.mean  # as InputMap.apply does
        if self.components is not None:
            x = x @ self.components
        x = (x / self.scale).float()
        return self.representation.joined(
            self.network, x, self.modality, self.block_weights
        )


def export_onnx(retriever, folder):
    """Write the image encoder and the text encoder as two ONNX files.

    Each maps raw features, what `fit` was given, to what `transform_image` and
    `transform_text` return: centring, principal components, networks and all blocks
    are inside.

    Parameters
    ----------
    retriever : MSLNRetriever, CCARetriever, CCARetrieverCV or PLSRetriever
        A fitted retriever. Steps of a Pipeline before it are not exported.

    folder : str or path-like
        Where to write ``image.onnx`` and ``text.onnx``; created if need be. Existing
        files are replaced, each in one step.

    Returns
    -------
    paths : dict
        "image" and "text" -> path.

    Raises
    ------
    TypeError
        If the retriever is of another kind.

    ValueError
        If an encoder takes more than 2 GB.

    ImportError
        If onnx or onnxscript is missing, or torch is older than 2.6.

    See Also
    --------
    sklearn_xmodal.save : Keeps the whole retriever, for Python.

    Notes
    -----
    The input "features" is float32 of shape (n, number of features), n is free; the
    output "codes" is float32. Sparse text has to be made dense before. The graph
    computes in float64 where the retriever does. Codes differ from those of
    `transform` of float32 features by rounding: relative to the largest, 1e-6 mostly,
    and up to some 1e-5 for the blocks "kernel" and "posterior" of an
    :class:`MSLNRetriever`, which magnify the rounding of the features.
    """
    if not isinstance(retriever, (MSLNRetriever, SpectralRetriever)):
        raise TypeError(
            "retriever must be an MSLNRetriever, CCARetriever, CCARetrieverCV or "
            f"PLSRetriever. Got {type(retriever).__name__}; of a Pipeline, give the "
            "last step."
        )
    check_is_fitted(retriever)
    _check_packages()
    is_linear = isinstance(retriever, SpectralRetriever)
    encoder = _LinearEncoder if is_linear else _NetworkEncoder
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for modality in MODALITIES:
        width = getattr(retriever, f"n_{modality}_features_")
        model = _graph(encoder(retriever, modality).eval(), width)
        if model.ByteSize() >= _LARGEST:
            raise ValueError(
                f"The {modality} encoder must be smaller than 2 GB, the limit of a "
                f"file of ONNX. Got {model.ByteSize():,} bytes."
            )
        paths[modality] = folder / f"{modality}.onnx"
        with replacing(paths[modality]) as file:
            file.write(model.SerializeToString())
    return paths


def _check_packages():
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'export_onnx needs onnx and onnxscript: pip install "sklearn-xmodal[onnx]"'
        ) from error
    if "dynamic_shapes" not in signature(torch.onnx.export).parameters:
        raise ImportError(f"export_onnx needs torch 2.6. Got {torch.__version__}.")


def _graph(encoder, width):
    """Trace an encoder; the number of rows is free."""
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = log.level
    log.setLevel(logging.ERROR)  # tells of packages that no encoder needs
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # torch's own, about itself.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            program = torch.onnx.export(
                encoder,
                (torch.zeros(16, width),),
                dynamo=True,
                verbose=False,
                input_names=["features"],
                output_names=["codes"],
                dynamic_shapes={"features": {0: torch.export.Dim("n", min=1)}},
            )
    finally:
        log.setLevel(level)
    return program.model_proto
