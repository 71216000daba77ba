"""Deep supervised cross-modal retrieval."""

from sklearn_xmodal.base import ClassLabelsMixin
from sklearn_xmodal.deep._inputs import encoded_labels
from sklearn_xmodal.deep._neighbour import SHARED_CONSTRAINTS, NeighbourRetriever
from sklearn_xmodal.deep._parameters import PARAMETER_CONSTRAINTS


class DSCMRRetriever(ClassLabelsMixin, NeighbourRetriever):
    r"""Deep supervised cross-modal retrieval.

    Two encoders, which end in one and the same linear layer, are trained with three
    terms [1]_, :math:`\lambda_1 J_1 + \lambda_2 J_2 + \lambda_3 J_3`:

    - label space: a linear layer P shared by both modalities predicts the class
      indicator y, :math:`J_1 = \frac1n \sum_i \lVert P^\top z_{v,i} - y_i \rVert_2 +
      \lVert P^\top z_{t,i} - y_i \rVert_2`;
    - common space: the negative log likelihood of who shares a class with whom,
      :math:`J_2 = \frac{1}{n^2} \sum_{ij} \log(1 + e^{\Gamma_{ij}}) - S_{ij}
      \Gamma_{ij}` with :math:`\Gamma_{ij}` half the cosine of two codes, and S 1 for a
      shared class, else 0; over image and text, image and image, text and text;
    - modality invariance: :math:`J_3 = \frac1n \sum_i \lVert z_{v,i} - z_{t,i}
      \rVert_2`.

    Parameters
    ----------
    n_components : int, default=64
        Size d of the code.

    n_estimators : int, default=1
        Networks that are trained side by side, as one program with stacked weights;
        their codes, of unit length, are put side by side.

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

    label_weight : float, default=1.0
        :math:`\lambda_1`, which is 1 in [1]_.

    similarity_weight : float, default=1.0
        :math:`\lambda_2`, :math:`\lambda` in [1]_, where it is 0.001.

    invariance_weight : float, default=0.1
        :math:`\lambda_3`, :math:`\eta` in [1]_.

    max_epochs : int, default=None
        Passes over the training pairs. `None` takes as many as `max_steps` needs.

    max_steps : int or "auto", default="auto"
        Optimiser steps, rounded up to whole epochs, where `max_epochs` is not given.
        ``"auto"`` is 20 epochs, but at least 400 and at most 800 steps.

    batch_size : int, default=128
        Pairs per step, at most: batches are of even size.

    optimizer : str or class, default="AdamW"
        Name of a class of `torch.optim`, or such a class.

    lr : float, default=0.003
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
        One record per epoch: ``train_loss`` and the unweighted terms ``label_loss``,
        ``similarity_loss`` and ``invariance_loss``, means over networks.

    n_iter_ : int
        Number of epochs that were run.

    classes_ : ndarray of shape (n_classes,)
        Labels; column numbers for multi-label `y`.

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
    ACMRRetriever : Triplets and an adversary instead of pairwise similarities.
    RidgeRetriever : The label space alone, linear, in closed form.

    Notes
    -----
    Features are centred, reduced to their principal components and divided by one
    global scale per modality inside; put anything else, such as
    :class:`~sklearn.preprocessing.StandardScaler`, in front with
    :class:`~sklearn_xmodal.ModalityTransformer`. Codes are computed in float32.
    Memory-mapped and sparse features are read batch by batch.

    Norms are means over pairs, as the authors compute them; the paper writes the norm
    of the whole batch, divided by n.

    References
    ----------
    .. [1] L. Zhen, P. Hu, X. Wang, D. Peng, "Deep supervised cross-modal retrieval",
       CVPR 2019.

    Examples
    --------
    >>> from sklearn_xmodal import DSCMRRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> dscmr = DSCMRRetriever(8, max_steps=50, random_state=0).fit(X_img, X_txt, y)
    >>> dscmr.score(X_img, X_txt, y) > 0.5
    True
    """

    _parameter_constraints: dict = {
        **SHARED_CONSTRAINTS,
        "label_weight": PARAMETER_CONSTRAINTS["classification_weight"],
        "similarity_weight": PARAMETER_CONSTRAINTS["classification_weight"],
        "invariance_weight": PARAMETER_CONSTRAINTS["classification_weight"],
    }

    _loss = "DSCMRLoss"

    def __init__(
        self,
        n_components=64,
        *,
        n_estimators=1,
        n_input_components=128,
        hidden_layer_sizes=(256,),
        activation="relu",
        dropout=0.5,
        input_dropout=0.2,
        label_weight=1.0,
        similarity_weight=1.0,
        invariance_weight=0.1,
        max_epochs=None,
        max_steps="auto",
        batch_size=128,
        optimizer="AdamW",
        lr=0.003,
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
        self.label_weight = label_weight
        self.similarity_weight = similarity_weight
        self.invariance_weight = invariance_weight
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

    def _targets(self, y, n_pairs):
        if not len(self.hidden_layer_sizes):
            raise ValueError(
                "hidden_layer_sizes must hold at least one layer: the one after it is "
                "shared by both modalities, whose widths differ. Got "
                f"{self.hidden_layer_sizes!r}."
            )
        return encoded_labels(self._check_classes(y))[1]

    def _module_options(self):
        return {"n_classes": len(self.classes_), "shares_last_layer": True}

    def _loss_options(self):
        return {
            "label_loss": self.label_weight,
            "similarity_loss": self.similarity_weight,
            "invariance_loss": self.invariance_weight,
        }
