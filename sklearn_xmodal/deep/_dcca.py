"""Deep canonical correlation analysis."""

from numbers import Real

import numpy as np
import torch

from sklearn_xmodal.cross_decomposition import CCARetriever
from sklearn_xmodal.deep._neighbour import SHARED_CONSTRAINTS, NeighbourRetriever
from sklearn_xmodal.deep._net import NonFiniteLossError
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._validation import per_modality, validate_tuples


class DCCARetriever(NeighbourRetriever):
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

    n_input_components : int or None, default=128
        Principal components of either modality that the networks see, at most. `None`
        keeps all features.

    hidden_layer_sizes : tuple of int, default=(256,)
        Hidden layers of both encoders.

    activation : {"identity", "logistic", "relu", "tanh"}, default="relu"
        Of the hidden layers.

    dropout : float, default=0.5
        Probability of dropping a hidden unit of the encoders.

    input_dropout : float, default=0.2
        Probability of dropping an input of the encoders.

    alpha : float or tuple of float, default=1.0
        Ridge on the covariances of the outputs, relative to their mean variance, above
        0; in training and in the linear CCA. A tuple gives ``(image, text)``. In [1]_
        ridges are absolute, so that networks may outgrow them.

    correlation_power : float, default=1.0
        Every variate of the linear CCA is multiplied by its correlation to this power.
        0 gives variates of unit variance, the textbook form.

    max_epochs : int, default=None
        Passes over the training pairs. `None` takes as many as `max_steps` needs.

    max_steps : int or "auto", default="auto"
        Optimiser steps, rounded up to whole epochs, where `max_epochs` is not given.
        ``"auto"`` is 20 epochs, but at least 400 and at most 800 steps.

    batch_size : int, default=1024
        Pairs per step, at most: batches are of even size.

    optimizer : str or class, default="AdamW"
        Name of a class of `torch.optim`, or such a class.

    lr : float, default=0.001
        Learning rate at the start.

    lr_scheduler : {"cosine"} or None, default="cosine"
        ``"cosine"`` lowers the rate to 0 over the training, `None` keeps it.

    weight_decay : float, default=0.001
        Handed to the optimiser.

    callbacks : list of skorch callbacks, default=None
        Added to the training loop.

    device : str, default="auto"
        Where to train: a torch device, or ``"auto"`` for CUDA where it exists and the
        CPU otherwise.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features` columns are
        the image features.

    random_state : int, RandomState instance or None, default=None
        Initial weights, batches and dropout. An int gives the same network at every
        fit. The global generators of numpy and torch are not used, except numpy's to
        draw a seed where this is `None`.

    verbose : int, default=0
        1 shows a progress bar over epochs, 2 and more the table of skorch.

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

    image_mean_ : ndarray of shape (n_image_features_,)
        Mean of the training images.

    text_mean_ : ndarray of shape (n_text_features_,)
        Mean of the training texts.

    image_components_ : ndarray or None
        Principal directions of the images in rows, `None` where all features are kept.

    text_components_ : ndarray or None
        Principal directions of the texts.

    image_scale_ : float
        Root mean square of the centred and reduced image features.

    text_scale_ : float
        Root mean square of the centred and reduced text features.

    device_ : str
        The device used.

    n_components_ : int
        Length of the vectors that `transform` returns.

    n_image_features_ : int
        Number of image features.

    n_text_features_ : int
        Number of text features.

    n_features_in_ : int
        Number of features of both modalities.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a stacked input. Only defined if it had names.

    See Also
    --------
    CCARetriever : Linear, in a fraction of the time.
    KCCARetriever : The kernel form.

    Notes
    -----
    Features are centred, reduced to their principal components and divided by one
    global scale per modality inside; put anything else, such as
    :class:`~sklearn.preprocessing.StandardScaler`, in front with
    :class:`~sklearn_xmodal.ModalityTransformer`. Codes are computed in float32.
    Memory-mapped and sparse features are read batch by batch.

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

    _parameter_constraints: dict = {
        **SHARED_CONSTRAINTS,
        "alpha": [Interval(Real, 0, None, closed="neither"), tuple],
        "correlation_power": [Interval(Real, 0, None, closed="left")],
    }

    _loss = "DCCALoss"

    def __init__(
        self,
        n_components=20,
        *,
        n_estimators=1,
        n_input_components=128,
        hidden_layer_sizes=(256,),
        activation="relu",
        dropout=0.5,
        input_dropout=0.2,
        alpha=1.0,
        correlation_power=1.0,
        max_epochs=None,
        max_steps="auto",
        batch_size=1024,
        optimizer="AdamW",
        lr=0.001,
        lr_scheduler="cosine",
        weight_decay=0.001,
        callbacks=None,
        device="auto",
        n_image_features=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.n_estimators = n_estimators
        self.n_input_components = n_input_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.alpha = alpha
        self.correlation_power = correlation_power
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.lr_scheduler = lr_scheduler
        self.weight_decay = weight_decay
        self.callbacks = callbacks
        self.device = device
        self.n_image_features = n_image_features
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X_img, X_txt, y):
        validate_tuples(self)
        super()._fit(X_img, X_txt, y)

    def _loss_options(self):
        return {"alpha": per_modality(self.alpha, "alpha")}

    def _set_representation(self, data):
        outputs = [
            np.concatenate(
                [self._flat(x, name) for x in side.blocks(self._encode_rows)]
            )
            for name, side in (("image", data.image), ("text", data.text))
        ]
        if not all(np.isfinite(H).all() for H in outputs):
            del self.net_  # its weights are finite, and of no use
            raise NonFiniteLossError(
                "Training must keep the outputs of the encoders finite. Got NaN or "
                f"infinity with lr={self.lr}. Lower it."
            )
        cca = CCARetriever(
            self.n_components,
            alpha=self.alpha,
            correlation_power=self.correlation_power,
        )
        self.cca_ = cca.fit(*outputs)
        self.n_components_ = self.cca_.n_components_

    def _vectors(self, x, modality):
        codes = self.cca_._encode(self._flat(x, modality), modality)
        return torch.from_numpy(codes.astype(np.float32))

    def _flat(self, x, modality):
        """Return the outputs of all networks side by side, (b, s * d), in float64."""
        outputs = self._outputs(x, modality).transpose(0, 1).flatten(1)
        return outputs.double().cpu().numpy()
