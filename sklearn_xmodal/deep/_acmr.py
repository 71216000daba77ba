"""Adversarial cross-modal retrieval."""

from sklearn_xmodal.base import ClassLabelsMixin
from sklearn_xmodal.deep._inputs import encoded_labels
from sklearn_xmodal.deep._neighbour import SHARED_CONSTRAINTS, NeighbourRetriever
from sklearn_xmodal.deep._parameters import PARAMETER_CONSTRAINTS, check_layer_sizes


class ACMRRetriever(ClassLabelsMixin, NeighbourRetriever):
    r"""Adversarial cross-modal retrieval.

    Two encoders are trained with a weighted sum of terms [1]_:

    - label prediction: one linear layer predicts the class from either code, by
      cross-entropy (sigmoid for multi-label `y`);
    - triplets between the modalities: for an image i, :math:`\frac{1}{|P_i|}
      \sum_{j \in P_i} d(v_i, t_j) + \lambda \frac{1}{|N_i|} \sum_{k \in N_i}
      \max(0, \mu - d(v_i, t_k))` with d the Euclidean distance of codes, :math:`P_i`
      the texts of the batch that share a class with it and :math:`N_i` all others; the
      same for texts;
    - adversary: a modality classifier tells image codes from text codes; a gradient
      reversal layer makes the encoders work against it, with a strength that grows from
      0 to 1 [2]_;
    - regularisation: the squares of all weights of the encoders.

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

    discriminator_layer_sizes : tuple of int, default=(64,)
        Hidden layers of the modality classifier.

    classification_weight : float, default=1.0
        Of the label prediction, :math:`\beta` in [1]_.

    triplet_weight : float, default=0.1
        Of the triplets, :math:`\alpha` in [1]_.

    adversarial_weight : float, default=0.1
        Of the adversary.

    regularization_weight : float, default=0.0001
        Of the squares of the weights.

    margin : float, default=1.0
        :math:`\mu`, a distance that items of different classes need not exceed.

    negative_weight : float, default=1.0
        :math:`\lambda` of the triplets.

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

    weight_decay : float, default=0.0
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
        One record per epoch: ``train_loss`` and the unweighted terms
        ``classification_loss``, ``triplet_loss``, ``adversarial_loss`` and
        ``regularization_loss``, means over networks.

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
    MSLNRetriever : Has an adversary, too, and reconstructs.
    DSCMRRetriever : Pairwise similarities, no adversary.

    Notes
    -----
    Features are centred, reduced to their principal components and divided by one
    global scale per modality inside; put anything else, such as
    :class:`~sklearn.preprocessing.StandardScaler`, in front with
    :class:`~sklearn_xmodal.ModalityTransformer`. Codes are computed in float32.
    Memory-mapped and sparse features are read batch by batch.

    In [1]_ triplets are sampled; here all of a batch count, as means, and the adversary
    has one output where [1]_ has two with a softmax, which is the same.

    References
    ----------
    .. [1] B. Wang, Y. Yang, X. Xu, A. Hanjalic, H. T. Shen, "Adversarial cross-modal
       retrieval", ACM MM 2017.
    .. [2] Y. Ganin, V. Lempitsky, "Unsupervised domain adaptation by
       backpropagation", ICML 2015.

    Examples
    --------
    >>> from sklearn_xmodal import ACMRRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> acmr = ACMRRetriever(8, max_steps=50, random_state=0).fit(X_img, X_txt, y)
    >>> acmr.score(X_img, X_txt, y) > 0.5
    True
    """

    _parameter_constraints: dict = {
        **SHARED_CONSTRAINTS,
        "discriminator_layer_sizes": [tuple, list],
        "classification_weight": PARAMETER_CONSTRAINTS["classification_weight"],
        "triplet_weight": PARAMETER_CONSTRAINTS["classification_weight"],
        "adversarial_weight": PARAMETER_CONSTRAINTS["adversarial_weight"],
        "regularization_weight": PARAMETER_CONSTRAINTS["weight_decay"],
        "margin": PARAMETER_CONSTRAINTS["temperature"],
        "negative_weight": PARAMETER_CONSTRAINTS["classification_weight"],
    }

    _loss = "ACMRLoss"

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
        discriminator_layer_sizes=(64,),
        classification_weight=1.0,
        triplet_weight=0.1,
        adversarial_weight=0.1,
        regularization_weight=0.0001,
        margin=1.0,
        negative_weight=1.0,
        max_epochs=None,
        max_steps="auto",
        batch_size=128,
        optimizer="AdamW",
        lr=0.003,
        lr_scheduler="cosine",
        weight_decay=0.0,
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
        self.discriminator_layer_sizes = discriminator_layer_sizes
        self.classification_weight = classification_weight
        self.triplet_weight = triplet_weight
        self.adversarial_weight = adversarial_weight
        self.regularization_weight = regularization_weight
        self.margin = margin
        self.negative_weight = negative_weight
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
        check_layer_sizes(self.discriminator_layer_sizes, "discriminator_layer_sizes")
        return encoded_labels(self._check_classes(y))[1]

    def _module_options(self):
        return {
            "n_classes": len(self.classes_),
            "discriminator_layer_sizes": self.discriminator_layer_sizes,
        }

    def _loss_options(self):
        return {
            "classification_loss": self.classification_weight,
            "triplet_loss": self.triplet_weight,
            "adversarial_loss": self.adversarial_weight,
            "regularization_loss": self.regularization_weight,
            "margin": self.margin,
            "negative_weight": self.negative_weight,
        }
