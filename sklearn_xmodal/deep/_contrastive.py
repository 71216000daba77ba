"""Contrastive learning of two encoders."""

from sklearn_xmodal.base import ClassLabelsMixin
from sklearn_xmodal.deep._inputs import encoded_labels
from sklearn_xmodal.deep._neighbour import SHARED_CONSTRAINTS, NeighbourRetriever
from sklearn_xmodal.deep._parameters import PARAMETER_CONSTRAINTS
from sklearn_xmodal.utils._sklearn_compat import StrOptions


class ContrastiveRetriever(ClassLabelsMixin, NeighbourRetriever):
    r"""Two encoders that find the other half of a pair among a batch.

    Encoders :math:`f_v, f_t` map image features and text features to codes
    :math:`z_v, z_t`, which are trained to be nearer to what belongs to them than to all
    else in the batch, by a softmax over cosines in both directions:

    .. math:: -\frac{1}{2n} \sum_i \frac{1}{|P_i|} \sum_{p \in P_i} \log
        \frac{e^{s_{ip} / \tau}}{\sum_j e^{s_{ij} / \tau}}
        + \log \frac{e^{s_{pi} / \tau}}{\sum_j e^{s_{ji} / \tau}},
        \quad s_{ij} = \cos(z_{v,i}, z_{t,j}).

    With ``positives="pairs"`` nothing but the other half belongs to an item,
    :math:`P_i = \{i\}`: symmetric InfoNCE [1]_ [2]_, which needs no labels. With
    ``positives="classes"`` all items of the same class do, the supervised form [3]_.

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

    positives : {"pairs", "classes"}, default="pairs"
        What belongs to an item: the other half of its pair, or everything of the other
        modality that shares a class with it, its other half included. The latter needs
        `y`, which may be multi-label; it suits the classes of the training pairs, and
        harms search among others.

    temperature : float, default=0.1
        :math:`\tau`, which divides the cosines.

    learn_temperature : bool, default=False
        Whether training goes on from `temperature` to a better one, of at least 0.01.

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
        One record per epoch: ``train_loss``.

    n_iter_ : int
        Number of epochs that were run.

    temperature_ : float
        The temperature after training, mean over networks.

    classes_ : ndarray of shape (n_classes,)
        Labels, if `y` was given; column numbers for multi-label `y`.

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
    MSLNRetriever : Has such a code, among others.
    DCCARetriever : Learns from pairs alone, too.

    Notes
    -----
    Features are centred, reduced to their principal components and divided by one
    global scale per modality inside; put anything else, such as
    :class:`~sklearn.preprocessing.StandardScaler`, in front with
    :class:`~sklearn_xmodal.ModalityTransformer`. Codes are computed in float32.
    Memory-mapped and sparse features are read batch by batch.

    N.

    References
    ----------
    .. [1] A. van den Oord, Y. Li, O. Vinyals, "Representation learning with
       contrastive predictive coding", 2018, arXiv:1807.03748.
    .. [2] A. Radford et al., "Learning transferable visual models from natural language
       supervision", ICML 2021.
    .. [3] P. Khosla et al., "Supervised contrastive learning", NeurIPS 2020.

    Examples
    --------
    >>> from sklearn_xmodal import ContrastiveRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> contrastive = ContrastiveRetriever(8, max_steps=50, random_state=0)
    >>> contrastive.fit(X_img, X_txt).score(X_img, X_txt, y) > 0.5
    True
    """

    _parameter_constraints: dict = {
        **SHARED_CONSTRAINTS,
        "positives": [StrOptions({"pairs", "classes"})],
        "temperature": PARAMETER_CONSTRAINTS["temperature"],
        "learn_temperature": ["boolean"],
    }

    _loss = "ContrastiveLoss"

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
        positives="pairs",
        temperature=0.1,
        learn_temperature=False,
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
        self.positives = positives
        self.temperature = temperature
        self.learn_temperature = learn_temperature
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
        if self.positives == "pairs":
            return super()._targets(y, n_pairs)
        return encoded_labels(self._check_classes(y))[1]

    def _module_options(self):
        return {
            "temperature": self.temperature,
            "learns_temperature": self.learn_temperature,
        }

    def _set_representation(self, data):
        super()._set_representation(data)
        self.temperature_ = self.net_.module_.temperature().mean().item()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.positives == "classes"
        return tags
