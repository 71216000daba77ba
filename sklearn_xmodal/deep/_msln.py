"""Modal-adversarial Semantic Learning Network."""

import numpy as np

from sklearn_xmodal.deep._advanced import SHARED_SETTINGS, once_parameters
from sklearn_xmodal.deep._base import TwoEncoderRetriever
from sklearn_xmodal.deep._labels import (
    check_continues,
    check_tells_apart,
    encoded_labels,
    split_off_validation,
)
from sklearn_xmodal.deep._msln_network import MSLNLoss, MSLNModule
from sklearn_xmodal.deep._msln_partial_fit import GoesOnMixin
from sklearn_xmodal.deep._msln_training import (
    build_net,
    inputs_of_members,
    restored_net,
    validation_score,
)
from sklearn_xmodal.deep._parameters import (
    PARAMETER_CONSTRAINTS,
    check_input_components,
    documented,
    is_old_count,
    is_old_folder,
    is_old_switch,
    with_checkpoint,
    with_held_out,
    with_least_share,
)
from sklearn_xmodal.deep.blocks import (
    VARIATES,
    block_weights,
    contrastive_weight,
    familiar_rows,
    represent,
    start_variates,
    updated_variates,
)
from sklearn_xmodal.deep.training import (
    PairSample,
    ReversalSchedule,
    checkpointing,
    resolve_device,
)
from sklearn_xmodal.utils._budget import worthwhile_components
from sklearn_xmodal.utils._class_embeddings import class_vectors
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._validation import (
    LEARN_FROM_PAIRS,
    check_class_targets,
    check_some_labelled,
    is_labelled,
)


@documented
class MSLNRetriever(GoesOnMixin, TwoEncoderRetriever):
    r"""Modal-adversarial Semantic Learning Network for cross-modal retrieval.

    Two encoders :math:`f_v, f_t` map image features v and text features t of a
    pair with class y to codes :math:`z_v, z_t` of the same size [1]_. They are
    trained with a weighted sum of terms, each a mean over the batch:

    .. math:: \lambda_{cor} L_{cor} + \lambda_{rec} L_{rec} + \lambda_{adv} L_{adv}
        + \lambda_{cls} L_{cls} + \lambda_{con} L_{con}

    - correlation: :math:`L_{cor} = \lVert z_v - z_t \rVert_2^2`, and the same of the
      contrastive codes below, where there are some;
    - reconstruction: both decoders rebuild their modality from both codes,
      each joined with the contrastive code below, where there is one, and with the
      embedding :math:`e_y` of the class, four squared errors;
    - adversarial: a discriminator tells image codes from text codes; a
      gradient reversal layer between them makes the encoders work against it,
      with a strength that grows from 0 to 1 [2]_;
    - classification: one linear layer predicts the class from either code;
    - contrastive, not in [1]_: a second output of the encoders, the contrastive
      code, must find the other half of its pair among the batch [3]_. It does
      not look at classes and therefore serves those that training has not seen. A
      third output of the images' encoder must find the own text in the same way among
      the text features themselves, which stay as they are (`locked`) [5]_: what a
      pretrained space knows of other classes is not bent by those of the training.

    An item is represented by several vectors, its blocks, and the similarity of
    two items is the weighted sum of the blocks' cosines, which is one cosine
    of the blocks side by side:

    ==================  =========================================================
    block               what it is
    ==================  =========================================================
    code                codes of all networks
    contrastive         contrastive codes of all networks
    posterior           class probabilities at temperature 0.7, mean over networks
    canonical           canonical variates (:class:`CCARetriever`) of the inputs,
                        for three ridges
    kernel              the same of kernel values with 300 training items, a
                        Nystroem form of :class:`KCCARetriever`
    reconstruction      the item beside what the decoders predict of its other
                        half
    locked              the features of the locked modality, and where an item of
                        the other one lies among them, mean over networks
    ==================  =========================================================

    All but the last two are centred by their means over the training pairs.

    Where classes of both kinds are searched for, an item has the weights for seen
    classes to a degree g, and those for unseen ones to 1 - g. This familiarity g is
    how near its code is to those of the training items of its modality, which items of
    unseen classes are farther from [4]_. With c the mean cosine of an item's code with
    the three nearest of 300 training items, and m and s mean and standard deviation of
    c over these 300, each among the others,

    .. math:: g = \frac{1}{1 + \exp(-1 - (c - m) / (1.25 s))}

    Class embeddings reach the decoders only: retrieval needs neither labels nor
    embeddings, also for classes that training has not seen. Features are
    centred, reduced to their principal components and divided by one global
    scale per modality inside; put anything else, such as
    :class:`~sklearn.preprocessing.StandardScaler`, in front with
    :class:`~sklearn_xmodal.ModalityTransformer`.

    What a change of each default adds to mAP, ``benchmarks.attribution`` has measured;
    the user guide has the table.

    Parameters
    ----------
    n_components : int, default=64
        Size of the code.

    target_classes : {"seen", "unseen", "both"}, default="both"
        Which classes will be searched for: those of the training pairs, others,
        or both. Chooses the blocks and their weights, where `block_weights` is
        `None`, and the weight of the contrastive code. For ``"seen"`` code 1,
        posterior 2; for ``"unseen"`` contrastive 1, canonical 1, kernel 1, locked 1,
        reconstruction 0.5, code 0.5; for ``"both"`` either, by familiarity, each
        divided by its sum.

    block_weights : mapping from str to float, default=None
        Weights of the blocks, instead of those of `target_classes`.
        ``{"code": 1}`` is the code alone.

    n_estimators : int, default=3
        Networks that are trained side by side, as one program with stacked
        weights, and whose blocks are joined. Three take 1.4 to 2.3 times as long as
        one on a processor.

    n_input_components : int, tuple, "auto" or None, default="auto"
        Principal components of either modality that the networks see, at most. The
        last network sees all of them, the first one half, those between evenly more: a
        guard against one number for all data. A tuple ``(least, most)`` says what the
        first and the last one see, such as ``(64, 64)``; least may be a float, a share
        of most. `None` keeps all features, and ``"auto"`` is 256 where a linear
        classifier predicts the classes of left-out pairs better from 256 than from 128,
        by 3 % of what it explains, and 128 elsewhere. In the other networks a whole
        number is
        what all see, here ``(n, n)``. The parameter most worth tuning where
        classes are seen: 64 for all networks suits noisy features, 128 and more suit
        fine distinctions between many classes.

    hidden_layer_sizes : tuple of int, default=(512,)
        Hidden layers of both encoders.

    dropout : float, default=0.5
        Probability of dropping a hidden unit of encoders and decoders. Strong by
        default, since labelled pairs are mostly few.

    correlation_weight : float, default=0.1
        :math:`\lambda_{cor}`, for the code and for the contrastive code. Much more
        pulls all codes together.

    reconstruction_weight : float, default=0.1
        :math:`\lambda_{rec}`. Trains the decoders that the block "reconstruction"
        needs.

    adversarial_weight : float, default=0.1
        :math:`\lambda_{adv}`. Does nothing that could be measured.

    classification_weight : float, default=1.0
        :math:`\lambda_{cls}`.

    contrastive_weight : float or "auto", default="auto"
        :math:`\lambda_{con}`; 0 leaves the contrastive code out. ``"auto"`` is 0 for
        ``target_classes="seen"``, 1 for ``"unseen"``, and 0.3 for ``"both"``.

    locked : {"text", "image"} or None, default="text"
        Modality whose features are a goal of the other one's encoder, in a space that
        training does not change; `None` for neither. Where there is no contrastive
        code, nothing is locked.

    class_embeddings : mapping, DataFrame or None, default=None
        Vector :math:`e_y` per label: a mapping from label to vector, or a
        DataFrame with one row per label. Only labels seen in `fit` are needed.
        `None` is one-hot. For multi-label `y` labels are column numbers, and
        an item takes the mean over its classes.

    max_epochs : int, default=None
        Passes over the training pairs. `None` takes as many as `max_steps`
        needs.

    max_steps : int or "auto", default="auto"
        Optimiser steps, rounded up to whole epochs, where `max_epochs` is not
        given. Counting steps gives small data the same training as large.
        ``"auto"`` is 20 epochs, but at least 400 and at most 800 steps; 800 where
        `n_input_components` was left to the data, too, and these ask for 256.

    batch_size : int, default=128
        Pairs per step.

    lr : float, default=0.003
        Learning rate at the start.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one, which must have
        had the same features and classes.

    early_stopping : {False, True, "stratified", "class_disjoint"}, default=False
        Whether to hold out a part of the training pairs, score them after every epoch
        (mAP, as in `score`), stop when that no longer improves and return to the best
        epoch: pairs of all classes (at random for multi-label `y`), which `True` stands
        for, too, or all pairs of some classes, which suits search among unseen classes.
        The network is not trained on the latter, and they are not in `classes_`.

    callbacks : list of skorch callbacks, default=None
        Added to the training loop.

    checkpoint_dir : path-like, default=None
        Folder that `fit` leaves the whole state of the training in after every epoch,
        each time in place of the last. If it holds a checkpoint of this very training,
        with the same parameters and pairs, `fit` goes on from there and ends with the
        same bytes as one that was not cut short; at once, if that one was finished.
        Needs an int as `random_state`.

    $advanced

    device : str, default="auto"
        Where to train: a torch device, or ``"auto"`` for CUDA where it exists
        and the CPU otherwise. The default networks are about as fast on many cores.

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
        One record per epoch: ``train_loss``, the unweighted terms
        ``correlation_loss``, ``reconstruction_loss``, ``adversarial_loss``,
        ``classification_loss``, ``contrastive_loss`` and ``locked_loss`` (means over
        networks),
        and ``valid_score`` with early stopping.

    n_iter_ : int
        Number of epochs that were run.

    classes_ : ndarray of shape (n_classes,)
        Labels the network was trained on; column numbers for multi-label `y`.

    n_unlabelled_ : int
        Number of pairs without a label, from which all but the
        classifier has learnt.

    class_embeddings_ : ndarray of shape (n_classes, n_class_features)
        The vectors used, in the order of `classes_`.

    contrastive_weight_ : float
        The weight used.

    n_input_components_ : int, tuple or None
        What `n_input_components` came to.

    block_weights_ : dict
        Weights of the blocks in use; of two, the first is for items with a familiarity
        of 0, the second for those with 1.

    $input_attributes

    See Also
    --------
    CCARetriever : Linear, without labels, in a fraction of the time.
    KCCARetriever : Kernels, without labels.

    Notes
    -----
    The sizes, weights and optimiser of the original are not known to us; the
    defaults here are our own choice. :meth:`from_paper` is a plain reading of [1]_.

    Codes are computed in float32. Memory-mapped and sparse features are read batch
    by batch, unless `early_stopping` sets a part of them aside, which copies the
    rest. Principal components are learnt from 16,384 rows at most. Beside what the
    block "kernel" keeps, 300 training pairs stay inside the retriever, as the networks
    see them, for `partial_fit`.

    `sample_weight` makes all means over pairs weighted ones, which is the same as
    repeated pairs where a batch holds all; a weight is relative to the mean. It counts
    in neither held-out scores nor familiarity, among whose items a copy would be its
    own nearest neighbour. A network that would not fit into memory is refused before it
    is made.

    References
    ----------
    .. [1] X. Xu, J. Song, H. Lu, Y. Yang, F. Shen, Z. Huang, "Modal-adversarial
       semantic learning network for extendable cross-modal retrieval", ICMR
       2018, doi:10.1145/3206025.3206033.
    .. [2] Y. Ganin, V. Lempitsky, "Unsupervised domain adaptation by
       backpropagation", ICML 2015.
    .. [3] A. van den Oord, Y. Li, O. Vinyals, "Representation learning with
       contrastive predictive coding", 2018, arXiv:1807.03748.
    .. [4] Y. Sun, Y. Ming, X. Zhu, Y. Li, "Out-of-distribution detection with deep
       nearest neighbors", ICML 2022.
    .. [5] X. Zhai et al., "LiT: zero-shot transfer with locked-image text tuning", CVPR
       2022.

    Examples
    --------
    >>> from sklearn_xmodal import MSLNRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> msln = MSLNRetriever(8, target_classes="seen", max_steps=50, random_state=0)
    >>> msln.fit(X_img, X_txt, y).score(X_img, X_txt, y) > 0.5
    True
    """

    _parameter_constraints: dict = PARAMETER_CONSTRAINTS

    # 2: with the sample of training pairs. 3: with networks of another form.
    _file_version = 3
    _fitted = (
        "device_",
        "n_iter_",
        "class_embeddings_",
        "contrastive_weight_",
        "block_weights_",
        "n_input_components_",
    )
    _default_settings = {
        **SHARED_SETTINGS,
        "code_activation": "identity",
        "skip_connection": True,
        "decoder_layer_sizes": (128,),
        "denoise_inputs": "auto",
        "n_contrastive_components": 64,
        "temperature": 0.1,
        "discriminator_layer_sizes": (64,),
        "precision": "float32",
        "validation_fraction": 0.1,
        "n_iter_no_change": 10,
        "tol": 1e-4,
    }
    _old_spellings = {
        **once_parameters(
            {
                name: default
                for name, default in _default_settings.items()
                if name not in {"skip_connection", "decoder_layer_sizes"}  # newer
            }
        ),
        "min_input_share": OldSpelling(
            "n_input_components", with_least_share, 0.5, is_old_count
        ),
        "validation": OldSpelling(
            "early_stopping", with_held_out, "stratified", is_old_switch
        ),
        "resume_from": OldSpelling(
            "checkpoint_dir", with_checkpoint, None, is_old_folder
        ),
    }

    _variates: dict
    _sample: PairSample | None

    _module = MSLNModule
    _loss = MSLNLoss

    def __init__(
        self,
        n_components=64,
        *,
        target_classes="both",
        block_weights=None,
        n_estimators=3,
        n_input_components="auto",
        hidden_layer_sizes=(512,),
        dropout=0.5,
        correlation_weight=0.1,
        reconstruction_weight=0.1,
        adversarial_weight=0.1,
        classification_weight=1.0,
        contrastive_weight="auto",
        locked="text",
        class_embeddings=None,
        max_epochs=None,
        max_steps="auto",
        batch_size=128,
        lr=3e-3,
        warm_start=False,
        early_stopping=False,
        callbacks=None,
        checkpoint_dir=None,
        advanced=None,
        device="auto",
        n_image_features=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.target_classes = target_classes
        self.block_weights = block_weights
        self.n_estimators = n_estimators
        self.n_input_components = n_input_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.correlation_weight = correlation_weight
        self.reconstruction_weight = reconstruction_weight
        self.adversarial_weight = adversarial_weight
        self.classification_weight = classification_weight
        self.contrastive_weight = contrastive_weight
        self.locked = locked
        self.class_embeddings = class_embeddings
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.advanced = advanced
        self.device = device
        self.n_image_features = n_image_features
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def from_paper(cls, **changes):
        """Return a plain reading of the paper: one network, four losses, the code.

        Its sizes, weights and optimiser are not known to us.

        Parameters
        ----------
        **changes : dict
            Parameters that shall be others; `advanced` with what shall be other in it.

        Returns
        -------
        msln : MSLNRetriever
            Not fitted.

        Examples
        --------
        >>> from sklearn_xmodal import MSLNRetriever
        >>> msln = MSLNRetriever.from_paper(n_components=16, advanced={"tol": 0.01})
        >>> msln.n_estimators, msln.contrastive_weight, msln.block_weights
        (1, 0.0, {'code': 1})
        """
        plain = {
            "n_estimators": 1,
            "n_input_components": None,
            "hidden_layer_sizes": (256,),
            "block_weights": {"code": 1},
            "contrastive_weight": 0.0,
            "dropout": 0.2,
            "lr": 1e-3,
        }
        advanced = {
            "code_activation": "tanh",
            "skip_connection": False,
            "decoder_layer_sizes": None,
            "input_dropout": 0.0,
            "optimizer": "Adam",
            "lr_scheduler": None,
            "weight_decay": 0.0,
            **(changes.pop("advanced", None) or {}),
        }
        return cls(**{**plain, **changes}, advanced=advanced)

    def _check_targets(self, y, *, needs_some=True):
        """Validate labels, and count the pairs without; these train all but classes."""
        y = check_class_targets(y, self)
        labelled = is_labelled(y)
        if needs_some:
            check_some_labelled(labelled, LEARN_FROM_PAIRS)
        self.n_unlabelled_ = int(np.count_nonzero(~labelled))
        return y

    def _resolve_parameters(self):
        """Check them, and set what they stand for."""
        self._check_parameters()
        check_input_components(self.n_input_components)
        self.device_ = resolve_device(self.device)
        self.contrastive_weight_ = contrastive_weight(
            self.target_classes, self.contrastive_weight
        )
        self.block_weights_ = block_weights(
            self.target_classes,
            self.block_weights,
            self.contrastive_weight_,
            self.locked,
        )

    def _resolve_input_components(self, sides, y, seed):
        """Set how many components the last network sees, by the data if need be."""
        self.n_input_components_ = self.n_input_components
        if self.n_input_components == "auto":
            rng = np.random.RandomState(seed)
            self.n_input_components_ = worthwhile_components(
                sides["image"], sides["text"], y, rng
            )

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        y = self._check_targets(y)
        self._resolve_parameters()
        seeds = self._seeds()
        train, valid = split_off_validation(y, self, seeds[0])
        start = self._weights_to_start_from(y[train])
        self.classes_, target = encoded_labels(y[train], self._label_names)
        check_tells_apart(self.classes_, self)
        self.class_embeddings_ = class_vectors(self.class_embeddings, self.classes_)
        sides = {"image": X_img[train], "text": X_txt[train]}
        if start is None:
            self._resolve_input_components(sides, y[train], seeds[0])
        weight = None if sample_weight is None else sample_weight[train]
        maps = self._input_maps(sides, seeds[0], start is None, weight)
        data = self._dataset(sides, maps, target, weight)
        self._start_variates(data, seeds[0])
        self._variates = updated_variates(self._variates, data)
        self._sample = PairSample.of_rows(data, familiar_rows(len(data)))
        score = held_out = None
        if valid is not None:
            sides = {"image": X_img[valid], "text": X_txt[valid]}
            held_out = self._dataset(sides, maps, np.arange(len(y[valid])))
            score = validation_score(self, data, held_out, y[valid])
        checkpoint = checkpointing(self, data, held_out, start)
        net = build_net(self, data, seeds[1:], score, checkpoint).start_from(start)
        return self._train_anew(net, data, checkpoint)

    def _take(self, net):
        super()._take(net)
        self._net_classes = self.classes_

    def _weights_to_start_from(self, y):
        """Return the weights of the last fit where this one continues it."""
        if not self.warm_start or not hasattr(self, "net_"):
            return None
        check_continues(self, y)
        return self.net_.module_.state_dict()

    def _input_maps(self, sides, seed, is_new, sample_weight):
        """Return what the networks see, learnt anew or as it was."""
        if not is_new:
            return {name: self._encoder(name).input_map for name in sides}
        n_inputs = inputs_of_members(self)
        # Up to the least of them a modality keeps all its features.
        least, most = (None, None) if n_inputs is None else (n_inputs[0], n_inputs[-1])
        denoise = self._settings["denoise_inputs"]
        if denoise == "auto":
            denoise = self.target_classes == "unseen"
        return self._reducing_maps(sides, seed, least, most, denoise, sample_weight)

    def _start_variates(self, data, seed):
        rng = np.random.RandomState(seed)
        self._variates = start_variates(self.block_weights_, data, rng)

    def _more_state(self):
        return {
            **super()._more_state(),
            "variates": {name: v.state() for name, v in self._variates.items()},
            "sample": None if self._sample is None else self._sample.state(),
            "net_classes": self._net_classes,
        }

    def _take_more_state(self, state):
        super()._take_more_state(state)
        self._net_classes = state.pop("net_classes")
        sample = state.pop("sample")
        self._sample = None if sample is None else PairSample.from_state(sample)
        self._variates = {
            name: VARIATES[name].from_state(of_block)
            for name, of_block in state.pop("variates").items()
        }

    def _restored_net(self, optimizer, options):
        return restored_net(optimizer, options)

    def _encoders(self, data):
        network, on = self.net_.module_, self._arrays()
        return represent(network, data, self.block_weights_, self._variates, on)

    def _module_options(self, data):
        settings, has_contrastive = self._settings, self.contrastive_weight_ > 0
        return {
            "class_embeddings": self.class_embeddings_,
            "multi_label": data.target.ndim == 2,
            "n_inputs": inputs_of_members(self),
            "n_contrastive_components": (
                settings["n_contrastive_components"] if has_contrastive else 0
            ),
            "discriminator_layer_sizes": settings["discriminator_layer_sizes"],
            "decoder_layer_sizes": settings["decoder_layer_sizes"],
            "skip_connection": settings["skip_connection"],
            "locked": self.locked if has_contrastive else None,
            "code_activation": settings["code_activation"],
            "precision": settings["precision"],
        }

    def _loss_options(self):
        return {
            "correlation_weight": self.correlation_weight,
            "reconstruction_weight": self.reconstruction_weight,
            "adversarial_weight": self.adversarial_weight,
            "classification_weight": self.classification_weight,
            "contrastive_weight": self.contrastive_weight_,
            "temperature": self._settings["temperature"],
        }

    def _schedules(self, n_steps):
        return [ReversalSchedule(n_steps), *super()._schedules(n_steps)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags
