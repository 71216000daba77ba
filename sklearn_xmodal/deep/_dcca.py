"""Deep canonical correlation analysis."""

from numbers import Real

import numpy as np
import torch

from sklearn_xmodal.cross_decomposition import CCARetriever
from sklearn_xmodal.deep._base import TwoEncoderRetriever
from sklearn_xmodal.deep._parameters import SHARED_CONSTRAINTS, documented
from sklearn_xmodal.deep._two_encoders import WeightedLoss
from sklearn_xmodal.deep.training import NonFiniteLossError
from sklearn_xmodal.encoders._network import CodeBlock
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._validation import per_modality, validate_tuples

# Keeps the covariance of codes that are all equal invertible.
_TINY = 1e-12


def total_correlation_loss(z_img, z_txt, alpha, weight=None):
    r"""Minus the sum of the canonical correlations of a batch.

    .. math:: - \lVert (C_{vv} + r_v I)^{-1/2} C_{vt} (C_{tt} + r_t I)^{-1/2}
        \rVert_*, \quad r = \alpha \operatorname{tr}(C) / d

    with the nuclear norm, the sum of all singular values. Andrew, Arora, Bilmes,
    Livescu (ICML 2013), where the ridges are absolute numbers.

    (..., b, d), (..., b, d) -> (...), between -d and 0; NaN where codes are not finite.
    Weights (b,) make weighted covariances.
    """
    if not all(bool(torch.isfinite(z).all()) for z in (z_img, z_txt)):
        return torch.full_like(z_img[..., 0, 0], torch.nan)  # LAPACK would raise
    image, text = (
        _whitened(z, ridge, weight)
        for z, ridge in zip((z_img, z_txt), alpha, strict=True)
    )  # (..., d, b)
    correlation = image @ text.mT / z_img.shape[-2]
    return -torch.linalg.svdvals(correlation).sum(dim=-1).to(z_img.dtype)


def _whitened(z, ridge, weight):
    """Return centred codes of unit ridged covariance in columns, in float64.

    With weights they are multiplied by roots of these, relative to their mean.
    """
    z = z.double()
    if weight is None:
        z = z - z.mean(dim=-2, keepdim=True)
    else:
        weight = (weight / weight.mean()).double()[:, None]
        z = (z - (weight * z).mean(dim=-2, keepdim=True)) * weight.sqrt()
    covariance = z.mT @ z / z.shape[-2]  # (..., d, d)
    scale = covariance.diagonal(dim1=-2, dim2=-1).mean(dim=-1)[..., None, None]
    identity = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
    try:
        root = torch.linalg.cholesky(covariance + (ridge * scale + _TINY) * identity)
    except torch.linalg.LinAlgError:
        raise ValueError(
            "alpha must be large enough for the covariance of the codes of a batch to "
            f"be inverted. Got {ridge} for batches of {z.shape[-2]} pairs and "
            f"{z.shape[-1]} components. Raise alpha or batch_size."
        ) from None
    return torch.linalg.solve_triangular(root, z.mT, upper=False)


class DCCALoss(WeightedLoss):
    """Minus the total correlation, with ridges of both modalities."""

    TERMS = ("correlation_loss",)

    def __init__(self, *, alpha):
        super().__init__()
        self.alpha = alpha

    def terms(self, outputs, target, weight):
        """Return the term of codes, which does not look at the targets."""
        z_img, z_txt = outputs
        return [total_correlation_loss(z_img, z_txt, self.alpha, weight)]


@documented
class DCCARetriever(TwoEncoderRetriever):
    r"""Deep canonical correlation analysis.

    Two encoders are trained so that their outputs :math:`H_v, H_t` are as correlated as
    can be [1]_. The objective is the sum of all canonical correlations of a batch,

    .. math:: \lVert (C_{vv} + r_v I)^{-1/2} C_{vt} (C_{tt} + r_t I)^{-1/2} \rVert_*,
        \qquad r = \alpha \operatorname{tr}(C) / d,

    with covariances C of the outputs and the nuclear norm, the sum of singular values.
    After training, linear CCA of the outputs of all training pairs
    (:class:`CCARetriever`) gives the codes. Labels are not used.

    Parameters
    ----------
    n_components : int, default=20
        Size d of the outputs and of the code.

    n_estimators : int, default=1
        Networks that are trained side by side, as one program with stacked weights;
        the linear CCA sees all their outputs.

    $encoder_parameters

    alpha : float or tuple of float, default=1.0
        Ridge on the covariances of the outputs, relative to their mean variance, above
        0; in training and in the linear CCA. A tuple gives ``(image, text)``. In [1]_
        ridges are absolute, so that networks may outgrow them.

    component_power : float, default=1.0
        Every variate of the linear CCA is multiplied by its correlation to this power.
        0 gives variates of unit variance, the textbook form.

    $loop_parameters

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The fitted net; ``net_.module_`` is the torch module.

    history_ : skorch.history.History
        One record per epoch: ``train_loss`` and ``correlation_loss``, which is
        the same.

    n_iter_ : int
        Number of epochs that were run.

    cca_ : CCARetriever
        The linear CCA of the outputs of the encoders.

    classes_ : ndarray of shape (n_classes,)
        Labels, if `y` was given, of which training makes no use.

    $input_attributes

    See Also
    --------
    CCARetriever : Linear, in a fraction of the time.
    KCCARetriever : The kernel form.

    Notes
    -----
    $input_notes

    Covariances of a batch are computed in float64. A batch should hold many times as
    many pairs as there are components, or its correlations are those of chance. In [1]_
    layers are first trained as autoencoders and then together, by L-BFGS on all pairs;
    here they start from random weights and see large batches.

    References
    ----------
    .. [1] G. Andrew, R. Arora, J. Bilmes, K. Livescu, "Deep canonical correlation
       analysis", ICML 2013.

    Examples
    --------
    >>> from sklearn_xmodal import DCCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> dcca = DCCARetriever(4, max_steps=50, random_state=0).fit(X_img, X_txt)
    >>> dcca.transform_text(X_txt[:2]).shape
    (2, 4)
    """

    _fitted = ("device_", "n_iter_", "cca_")
    _parameter_constraints: dict = {
        **SHARED_CONSTRAINTS,
        "alpha": [Interval(Real, 0, None, closed="neither"), tuple],
        "component_power": [Interval(Real, 0, None, closed="left")],
    }

    _old_spellings = {
        **TwoEncoderRetriever._old_spellings,
        "correlation_power": OldSpelling("component_power"),
    }

    _loss = DCCALoss

    def __init__(
        self,
        n_components=20,
        *,
        n_estimators=1,
        n_input_components=128,
        hidden_layer_sizes=(256,),
        dropout=0.5,
        alpha=1.0,
        component_power=1.0,
        max_epochs=None,
        max_steps="auto",
        batch_size=1024,
        lr=0.001,
        callbacks=None,
        advanced=None,
        device="auto",
        n_image_features=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.n_estimators = n_estimators
        self.n_input_components = n_input_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.alpha = alpha
        self.component_power = component_power
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.callbacks = callbacks
        self.advanced = advanced
        self.device = device
        self.n_image_features = n_image_features
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        validate_tuples(self)
        return super()._fit(X_img, X_txt, y, sample_weight)

    def _loss_options(self):
        return {"alpha": per_modality(self.alpha, "alpha")}

    def _encoders(self, data):
        """Return encoders that end in a linear CCA of the outputs of all networks."""
        raw = CodeBlock(centre=None, scaled=False)
        found = [self._encoder_of_codes(data, name, raw) for name in MODALITIES]
        sides = zip(found, (data.image, data.text), strict=True)
        outputs = [_outputs(encoder, side) for encoder, side in sides]
        if not all(np.isfinite(H).all() for H in outputs):
            raise NonFiniteLossError(
                "Training must keep the outputs of the encoders finite. Got NaN or "
                f"infinity with lr={self.lr}. Lower it."
            )
        cca = CCARetriever(
            self.n_components,
            alpha=self.alpha,
            component_power=self.component_power,
        )
        self.cca_ = cca.fit(*outputs, sample_weight=data.weight)
        return [
            self._encoder_of_codes(
                data,
                name,
                raw,
                projection=self.cca_._encoder(name),
                n_components_=self.cca_.n_components_,
            )
            for name in MODALITIES
        ]


def _outputs(encoder, side):
    """Return the outputs of all networks side by side, (n, s * d), in float64."""
    parts = [encoder._codes(x) for x in side.blocks()]
    return np.concatenate([part.double().cpu().numpy() for part in parts])
