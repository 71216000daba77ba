"""Modal-adversarial Semantic Learning Network."""

import math
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state
from skorch.callbacks import EarlyStopping, LRScheduler, PassthroughScoring

from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.deep._inputs import (
    check_layer_sizes,
    class_targets,
    class_vectors,
    mean_and_scale,
    resolve_device,
    resolve_optimizer,
)
from sklearn_xmodal.deep._losses import MSLNLoss
from sklearn_xmodal.deep._modules import ACTIVATIONS, MSLNModule, SeededDropout
from sklearn_xmodal.deep._training import (
    EpochProgress,
    MSLNNet,
    PairDataset,
    ReversalSchedule,
    ShuffledBatches,
    Side,
    ValidationScore,
)
from sklearn_xmodal.metrics import cross_modal_score
from sklearn_xmodal.model_selection import ClassDisjointShuffleSplit
from sklearn_xmodal.utils._sklearn_compat import Interval, StrOptions

LOSS_TERMS = (
    "correlation_loss",
    "reconstruction_loss",
    "adversarial_loss",
    "classification_loss",
)
_ENCODE_ROWS = 4096
# Optimisers of torch with a one-kernel step, on the CPU and on CUDA.
_FUSED = ("Adam", "AdamW", "SGD")

_weight = Interval(Real, 0, None, closed="left")
_positive = Interval(Real, 0, None, closed="neither")
_probability = Interval(Real, 0, 1, closed="left")
_at_least_one = Interval(Integral, 1, None, closed="left")


class MSLNRetriever(BaseRetriever):
    r"""Modal-adversarial Semantic Learning Network for cross-modal retrieval.

    Two encoders :math:`f_v, f_t` map image features v and text features t of a
    pair with class y to codes :math:`z_v, z_t` of the same size [1]_. They are
    trained with the weighted sum of four terms, each a mean over the batch:

    - correlation: :math:`\lVert z_v - z_t \rVert_2^2`;
    - reconstruction: both decoders rebuild their modality from both codes,
      each joined with the embedding :math:`e_y` of the class, four squared
      errors;
    - adversarial: a discriminator tells image codes from text codes; a
      gradient reversal layer between them makes the encoders work against it,
      with a strength that grows from 0 to 1 [2]_;
    - classification: one linear layer predicts the class from either code.

    Class embeddings reach the decoders only: retrieval needs neither labels
    nor embeddings, also for classes that training has not seen. Features are
    centred and divided by one global scale per modality inside; put anything
    else, such as :class:`~sklearn.preprocessing.StandardScaler` or PCA, in front
    with :class:`~sklearn_xmodal.ModalityTransformer`.

    Parameters
    ----------
    n_components : int, default=64
        Size of the code.

    hidden_layer_sizes : tuple of int, default=(256,)
        Hidden layers of both encoders. The decoders mirror them.

    discriminator_layer_sizes : tuple of int, default=(64,)
        Hidden layers of the discriminator.

    activation : {"identity", "logistic", "relu", "tanh"}, default="relu"
        Of the hidden layers.

    code_activation : {"identity", "logistic", "relu", "tanh"}, default="identity"
        Of the code.

    dropout : float, default=0.5
        Probability of dropping a hidden unit of encoders and decoders.

    input_dropout : float, default=0.2
        Probability of dropping an input of the encoders.

    correlation_weight : float, default=0.1
        Weight of the correlation term. A weight near 1 pulls all codes
        together and costs accuracy.

    reconstruction_weight : float, default=0.1
        Weight of the reconstruction term.

    adversarial_weight : float, default=0.1
        Weight of the adversarial term.

    classification_weight : float, default=1.0
        Weight of the classification term.

    class_embeddings : mapping, DataFrame or None, default=None
        Vector :math:`e_y` per label: a mapping from label to vector, or a
        DataFrame with one row per label. Only labels seen in `fit` are needed.
        `None` is one-hot. For multi-label `y` labels are column numbers, and
        an item takes the mean over its classes.

    max_epochs : int, default=None
        Passes over the training pairs. `None` takes as many as `max_steps`
        needs.

    max_steps : int, default=600
        Optimiser steps, rounded up to whole epochs, where `max_epochs` is not
        given. Counting steps gives small data the same training as large.

    batch_size : int, default=128
        Pairs per step.

    optimizer : str or class, default="AdamW"
        Name of a class of `torch.optim`, or such a class.

    lr : float, default=0.002
        Learning rate at the start.

    lr_scheduler : {"cosine"} or None, default="cosine"
        ``"cosine"`` lowers the rate to 0 over the training, `None` keeps it.

    weight_decay : float, default=0.001
        Handed to the optimiser.

    early_stopping : bool, default=False
        Whether to hold out a part of the training pairs, score them after
        every epoch (mAP, as in `score`), stop when that no longer improves and
        return to the best epoch.

    validation_fraction : float, default=0.1
        Share of pairs that is held out; share of classes, at least two of them,
        where ``validation="class_disjoint"``.

    validation : {"stratified", "class_disjoint"}, default="stratified"
        Hold out pairs of all classes (at random for multi-label `y`), or all
        pairs of some classes, which suits search among unseen classes. The
        network is not trained on the latter, and they are not in `classes_`.

    n_iter_no_change : int, default=10
        Epochs without improvement before stopping.

    tol : float, default=0.0001
        Least gain in mAP that counts as an improvement.

    callbacks : list of skorch callbacks, default=None
        Added to the training loop.

    device : str, default="auto"
        Where to train: a torch device, or ``"auto"`` for CUDA where it exists
        and the CPU otherwise.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    random_state : int, RandomState instance or None, default=None
        Initial weights, batches, dropout and the validation part. An int gives
        the same network at every fit. The global generators of numpy and torch
        are not used, except numpy's to draw a seed where this is `None`.

    verbose : int, default=0
        1 shows a progress bar over epochs, 2 and more the table of skorch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The fitted net; ``net_.module_`` is the torch module.

    history_ : skorch.history.History
        One record per epoch: ``train_loss``, the four unweighted terms
        ``correlation_loss``, ``reconstruction_loss``, ``adversarial_loss`` and
        ``classification_loss``, and ``valid_score`` with early stopping.

    n_iter_ : int
        Number of epochs that were run.

    classes_ : ndarray of shape (n_classes,)
        Labels the network was trained on; column numbers for multi-label `y`.

    class_embeddings_ : ndarray of shape (n_classes, n_class_features)
        The vectors used, in the order of `classes_`.

    image_mean_ : ndarray of shape (n_image_features_,)
        Mean of the training images.

    text_mean_ : ndarray of shape (n_text_features_,)
        Mean of the training texts.

    image_scale_ : float
        Root mean square of the centred image features.

    text_scale_ : float
        Root mean square of the centred text features.

    device_ : str
        The device used.

    n_components_ : int
        Size of the code.

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
    CCARetriever : Linear, without labels, in a fraction of the time.
    KCCARetriever : Kernels, without labels.

    Notes
    -----
    The sizes, weights and optimiser of the original are not known to us; the
    defaults here are our own choice. Codes are float32.

    References
    ----------
    .. [1] X. Xu, J. Song, H. Lu, Y. Yang, F. Shen, Z. Huang, "Modal-adversarial
       semantic learning network for extendable cross-modal retrieval", ICMR
       2018, doi:10.1145/3206025.3206033.
    .. [2] Y. Ganin, V. Lempitsky, "Unsupervised domain adaptation by
       backpropagation", ICML 2015.

    Examples
    --------
    >>> from sklearn_xmodal import MSLNRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> msln = MSLNRetriever(8, max_steps=50, random_state=0)
    >>> msln.fit(X_img, X_txt, y).transform_image(X_img[:3]).shape
    (3, 8)
    """

    _dtypes = (np.float64, np.float32)

    _parameter_constraints: dict = {
        "n_components": [_at_least_one],
        "hidden_layer_sizes": [tuple, list],
        "discriminator_layer_sizes": [tuple, list],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "code_activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [_probability],
        "input_dropout": [_probability],
        "correlation_weight": [_weight],
        "reconstruction_weight": [_weight],
        "adversarial_weight": [_weight],
        "classification_weight": [_weight],
        "class_embeddings": [Mapping, "array-like", None],
        "max_epochs": [_at_least_one, None],
        "max_steps": [_at_least_one],
        "batch_size": [_at_least_one],
        "optimizer": [str, type],
        "lr": [_positive],
        "lr_scheduler": [StrOptions({"cosine"}), None],
        "weight_decay": [_weight],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "validation": [StrOptions({"stratified", "class_disjoint"})],
        "n_iter_no_change": [_at_least_one],
        "tol": [_weight],
        "callbacks": [list, None],
        "device": [str],
        "n_image_features": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=64,
        *,
        hidden_layer_sizes=(256,),
        discriminator_layer_sizes=(64,),
        activation="relu",
        code_activation="identity",
        dropout=0.5,
        input_dropout=0.2,
        correlation_weight=0.1,
        reconstruction_weight=0.1,
        adversarial_weight=0.1,
        classification_weight=1.0,
        class_embeddings=None,
        max_epochs=None,
        max_steps=600,
        batch_size=128,
        optimizer="AdamW",
        lr=2e-3,
        lr_scheduler="cosine",
        weight_decay=1e-3,
        early_stopping=False,
        validation_fraction=0.1,
        validation="stratified",
        n_iter_no_change=10,
        tol=1e-4,
        callbacks=None,
        device="auto",
        n_image_features=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.discriminator_layer_sizes = discriminator_layer_sizes
        self.activation = activation
        self.code_activation = code_activation
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.correlation_weight = correlation_weight
        self.reconstruction_weight = reconstruction_weight
        self.adversarial_weight = adversarial_weight
        self.classification_weight = classification_weight
        self.class_embeddings = class_embeddings
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.lr_scheduler = lr_scheduler
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation = validation
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.callbacks = callbacks
        self.device = device
        self.n_image_features = n_image_features
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X_img, X_txt, y):
        y = class_targets(y)
        check_layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        check_layer_sizes(self.discriminator_layer_sizes, "discriminator_layer_sizes")
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=4)
        self.device_ = resolve_device(self.device)
        train, valid = self._split_off_validation(y, int(seeds[0]))
        target = self._encode_labels(y[train])
        self.class_embeddings_ = class_vectors(self.class_embeddings, self.classes_)
        for modality, X in (("image", X_img), ("text", X_txt)):
            mean, scale = mean_and_scale(X[train], modality)
            setattr(self, f"{modality}_mean_", mean)
            setattr(self, f"{modality}_scale_", scale)
        self.n_components_ = self.n_components
        data = PairDataset(
            self._side(X_img[train], "image", self.device_),
            self._side(X_txt[train], "text", self.device_),
            target,
        )
        score = None
        if valid is not None:
            score = self._validation_score(X_img[valid], X_txt[valid], y[valid])
        self.net_ = self._build_net(data, seeds[1:].tolist(), score).fit(data)
        if "train_loss" not in self.net_.history[-1]:
            # Stopped within an epoch, so not by a callback but by the user, which
            # skorch keeps to itself.
            raise KeyboardInterrupt
        self._release_training_state()
        self.history_ = self.net_.history
        self.n_iter_ = len(self.history_)

    def _encode(self, X, modality):
        # Not device_: a net from a CUDA machine may have been loaded without one.
        device = self.net_.module_.class_embeddings.device
        Z = _encode_side(self.net_.module_, self._side(X, modality, device), modality)
        return Z.astype(X.dtype, copy=False)

    def _side(self, X, modality, device):
        mean = getattr(self, f"{modality}_mean_")
        return Side(X, mean, getattr(self, f"{modality}_scale_"), device)

    def _encode_labels(self, y):
        """Set `classes_`; return class indices, or the indicator as it is."""
        if y.ndim == 2:
            self.classes_ = np.arange(y.shape[1])
            return y
        encoder = LabelEncoder()
        target = encoder.fit_transform(y)
        self.classes_ = encoder.classes_
        return target.astype(np.int64)

    def _split_off_validation(self, y, seed):
        """Return row indices of the training and of the validation part."""
        rows = np.arange(len(y))
        if not self.early_stopping:
            return rows, None
        options = {"test_size": self.validation_fraction, "random_state": seed}
        if self.validation == "class_disjoint":
            # Among the pairs of one class every ranking is perfect.
            if y.ndim == 1:
                n_classes = self.validation_fraction * len(np.unique(y))
                options["test_size"] = max(2, math.ceil(n_classes))
            return next(ClassDisjointShuffleSplit(1, **options).split(rows, y))
        stratify = y if y.ndim == 1 else None
        try:
            return train_test_split(rows, stratify=stratify, **options)
        except ValueError as error:
            raise ValueError(
                "early_stopping holds out pairs of every class and trains on others of "
                f"the same class. Got validation_fraction={self.validation_fraction} "
                f"for {len(y)} pairs: {error} Raise it, or use "
                "validation='class_disjoint'."
            ) from None

    def _validation_score(self, X_img, X_txt, y):
        """Return a function from module to mAP on held-out pairs."""
        sides = {
            name: self._side(X, name, self.device_)
            for name, X in (("image", X_img), ("text", X_txt))
        }

        def score(module):
            codes = [_encode_side(module, side, name) for name, side in sides.items()]
            # Pairs without a class, which multi-label y may have, do not count.
            return cross_modal_score(*codes, y, zero_division=np.nan)

        return score

    def _build_net(self, data, seeds, score):
        steps_per_epoch = math.ceil(len(data) / self.batch_size)
        n_epochs = self.max_epochs or math.ceil(self.max_steps / steps_per_epoch)
        n_steps = n_epochs * steps_per_epoch
        optimizer = resolve_optimizer(self.optimizer)
        options = {"optimizer__weight_decay": self.weight_decay}
        if optimizer.__name__ in _FUSED:
            options["optimizer__fused"] = True
        if self.verbose < 2:
            options["callbacks__print_log"] = None
        return MSLNNet(
            MSLNModule,
            module__n_image_features=self.n_image_features_,
            module__n_text_features=self.n_text_features_,
            module__class_embeddings=self.class_embeddings_,
            module__n_components=self.n_components,
            module__hidden_layer_sizes=self.hidden_layer_sizes,
            module__discriminator_layer_sizes=self.discriminator_layer_sizes,
            module__activation=self.activation,
            module__code_activation=self.code_activation,
            module__dropout=self.dropout,
            module__input_dropout=self.input_dropout,
            module__init_seed=seeds[0],
            module__dropout_seed=seeds[1],
            module__device=self.device_,
            criterion=MSLNLoss,
            criterion__correlation_weight=self.correlation_weight,
            criterion__reconstruction_weight=self.reconstruction_weight,
            criterion__adversarial_weight=self.adversarial_weight,
            criterion__classification_weight=self.classification_weight,
            optimizer=optimizer,
            lr=self.lr,
            max_epochs=n_epochs,
            batch_size=self.batch_size,
            iterator_train=ShuffledBatches,
            iterator_train__generator=torch.Generator().manual_seed(seeds[2]),
            train_split=None,
            callbacks=self._build_callbacks(n_epochs, n_steps, score),
            device=self.device_,
            verbose=self.verbose,
            **options,
        )

    def _build_callbacks(self, n_epochs, n_steps, score):
        callbacks = [ReversalSchedule(n_steps)]
        callbacks += [
            (name, PassthroughScoring(name, on_train=True)) for name in LOSS_TERMS
        ]
        if self.lr_scheduler == "cosine":
            policy = torch.optim.lr_scheduler.CosineAnnealingLR
            callbacks.append(LRScheduler(policy, T_max=n_steps, step_every="batch"))
        if score is not None:
            callbacks.append(ValidationScore(score))
            stop = EarlyStopping(
                monitor="valid_score",
                lower_is_better=False,
                patience=self.n_iter_no_change,
                threshold=self.tol,
                threshold_mode="abs",
                load_best=True,
                sink=print if self.verbose > 1 else _silent,
            )
            callbacks.append(stop)
        if self.verbose == 1:
            callbacks.append(EpochProgress(n_epochs))
        return callbacks + list(self.callbacks or [])

    def _release_training_state(self):
        """Leave what prediction needs: no generators, evaluation mode."""
        module = self.net_.module_.eval()
        for layer in module.modules():
            if isinstance(layer, SeededDropout):
                layer.generator = None
        self.net_.iterator_train__generator = None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags


def _silent(*args, **kwargs):
    """Print nothing."""


def _encode_side(module, side, modality):
    """Return the codes of one modality as a float32 array of shape (n, d)."""
    encoder = module.encoders[modality]
    starts = range(0, side.length, _ENCODE_ROWS)
    with torch.inference_mode():
        blocks = [encoder(side.rows(slice(i, i + _ENCODE_ROWS))) for i in starts]
        return torch.cat(blocks).cpu().numpy()
