"""From what an earlier version of a class has written to what it is made from today.

The table has one line per class and version: a function from parameters and state of
that version to those of the next. Version 0 is of files of format 1, which held the
attributes of objects as they were; private objects among them come as `OldObject`.
"""

from types import SimpleNamespace

import numpy as np

from sklearn_xmodal.encoders import (
    Chain,
    Concat,
    FourierMap,
    KernelEncoder,
    KernelMap,
    LinearEncoder,
    NetworkEncoder,
    PosteriorEncoder,
    ViewEncoder,
)
from sklearn_xmodal.encoders._network import (
    Branch,
    Classifier,
    CodeBlock,
    Familiarity,
    InputMap,
    Perceptron,
    PosteriorBlock,
    ReconstructionBlock,
    VariatesBlock,
)
from sklearn_xmodal.persistence._container import forged

_SIDES = ("image", "text")
# What format 1 did not write, as it was then.
_POSTERIOR_TEMPERATURE = 0.7
_TOLERANCE = 1.25
# Landmarks of kernels, and pairs that `partial_fit` keeps, at most.
_SAMPLE_SIZE = 300


def _places(name):
    """Return the numbers in the name of a layer."""
    return [int(part) for part in name.split(".") if part.isdigit()]


class OldObject(SimpleNamespace):
    """An object of a private class in a file of format 1: its class, and its state."""


def migrated(name, version, current, parameters, state):
    """Return parameters and state of the current version of a class."""
    for old in range(version, current):
        if (name, old) not in MIGRATIONS:
            raise forged(f"version {old} of a {name}")
        parameters, state = MIGRATIONS[name, old](parameters, state)
    return parameters, state


def _as_it_is(parameters, attributes):
    return parameters, attributes


def _parameters_only(parameters, attributes):
    """Splitters had no parameters apart from their attributes."""
    return attributes, {}


def _of_retriever(encoders):
    """Return the migration of a retriever, given what makes its encoders.

    That is a function of parameters, attributes and modality, which leaves the
    attributes as they are; `encoders` tells the names of those that it replaces, too.
    """

    def migrate(parameters, attributes):
        if "n_components_" not in attributes:
            return parameters, {}
        names = {m: attributes.pop(f"_{m}_feature_names") for m in _SIDES}
        made = {m: encoders.make(parameters, attributes, m) for m in _SIDES}
        replaced = {
            "n_components_",
            *(n.format(m) for n in encoders.names for m in _SIDES),
        }
        state = {k: v for k, v in attributes.items() if k not in replaced}
        for modality, encoder in made.items():
            encoder._check_types()
            state[f"{modality}_encoder_"] = encoder._named(names[modality])
        return parameters, encoders.more(state)

    return migrate


class _Encoders:
    """How encoders are made of attributes. Names have {} in place of the modality."""

    names: tuple = ()

    def make(self, parameters, attributes, modality):
        """Return the encoder of one modality."""
        raise NotImplementedError

    def more(self, state):
        """Bring what else there is to the form of today."""
        return state


class _Linear(_Encoders):
    names = ("{}_mean_", "{}_weights_")

    def __init__(self, values=None, power=None, has_moments=False):
        self.values, self.power, self.has_moments = values, power, has_moments

    def make(self, parameters, attributes, modality):
        scales = None
        if self.values is not None:
            scales = _relative(attributes[self.values], parameters[self.power])
        return LinearEncoder(
            mean=attributes[f"{modality}_mean_"],
            weights=attributes[f"{modality}_weights_"],
            scales=scales,
        )

    def more(self, state):
        if self.has_moments:
            state["moments"] = _moments(state.pop("_moments", None))
        return state


def _relative(values, power):
    with np.errstate(all="ignore"):  # whatever stands in a file from others
        return (values / max(values[0], np.finfo(float).tiny)) ** power


def _moments(part):
    if part is None:
        return None
    mean = part.state["mean"].state
    return {
        "n_samples": part.state["n_samples"],
        "n_image_features": part.state["n_image_features"],
        "weight": mean["weight"],
        "mean": mean["high"],
        "mean_rounding": mean["low"],
        "products": part.state["products"],
    }


class _Kernel(_Encoders):
    names = ("{}_dual_coef_", "_{}_map", "_{}_offset", "X_{}_fit_")

    def make(self, parameters, attributes, modality):
        found = attributes[f"_{modality}_map"]
        cls = {"FourierMap": FourierMap, "KernelMap": KernelMap}[found.name]
        powers = parameters["correlation_power"]
        return KernelEncoder(
            values=cls(**found.state),
            dual_coef=attributes[f"{modality}_dual_coef_"],
            offset=attributes[f"_{modality}_offset"],
            scales=_relative(attributes["canonical_correlations_"], powers),
        )


class _Posterior(_Encoders):
    names = ("{}_mean_", "{}_scale_", "{}_offset_")

    def make(self, parameters, attributes, modality):
        return PosteriorEncoder.of_classifier(
            attributes[f"{modality}_classifier_"],
            mean=attributes[f"{modality}_mean_"],
            scale=attributes[f"{modality}_scale_"],
            offset=attributes[f"{modality}_offset_"],
        )


class _Matching(_Encoders):
    def make(self, parameters, attributes, modality):
        steps = attributes["cca_"], attributes["matching_"]
        return Chain(steps=[step._encoder(modality) for step in steps])


class _Views(_Encoders):
    def make(self, parameters, attributes, modality):
        return ViewEncoder(
            estimator=attributes["estimator_"],
            place=_SIDES.index(modality),
            fillers=[attributes[f"{m}_filler_"] for m in _SIDES],
            n_components_=attributes["n_components_"],
        )


class _Vote(_Encoders):
    def make(self, parameters, attributes, modality):
        weights = attributes["weights_"]
        members = zip(attributes["estimators_"], weights, strict=True)
        encoders = [_encoder_of(member, modality) for member, w in members if w > 0]
        return Concat(encoders=encoders, weights=weights[weights > 0])


class _Network(_Encoders):
    """Two encoders, and unit codes side by side."""

    names = ("{}_mean_", "{}_components_", "{}_scale_")

    def make(self, parameters, attributes, modality):
        net = _Net(attributes["net_"])
        return NetworkEncoder(
            input_map=_input_map(attributes, modality),
            branch=net.branch(modality),
            blocks=[CodeBlock(centre=None, scaled="cca_" not in attributes)],
            block_weights=[1.0],
            n_components_=attributes["n_components_"],
            projection=self.projection(attributes, modality),
        )

    def projection(self, attributes, modality):
        cca = attributes.get("cca_")
        return None if cca is None else cca._encoder(modality)

    def more(self, state):
        net, history = state.pop("net_").state, state.pop("history_")
        state["net"] = {
            "options": net["options"],
            "optimizer": net["optimizer"],
            "weights": net["weights"],
            "history": history.state,
            "optimizer_state": net.get("optimizer_state"),
        }
        return state


class _MSLN(_Network):
    def make(self, parameters, attributes, modality):
        net, found = _Net(attributes["net_"]), attributes["representation_"].state
        centres = found["centres"][modality]
        code = CodeBlock(centre=centres["code"])
        makers = {
            "code": lambda: code,
            "contrastive": lambda: CodeBlock(
                centre=centres["contrastive"], contrastive=True
            ),
            "posterior": lambda: PosteriorBlock(
                classifier=net.classifier(),
                temperature=_POSTERIOR_TEMPERATURE,
                centre=centres["posterior"],
            ),
            "reconstruction": lambda: ReconstructionBlock(
                classifier=net.classifier(),
                class_embeddings=net.weights["class_embeddings"],
                decoder=net.decoder("text" if modality == "image" else "image"),
                is_first=modality == "image",
            ),
            "canonical": lambda: _variates(found, "canonical", modality),
            "kernel": lambda: _variates(found, "kernel", modality),
        }
        weights = {k: w for k, w in attributes["block_weights_"].items() if w}
        familiarity = found["familiarity"].get(modality)
        if familiarity is not None:
            familiarity = Familiarity(**familiarity.state, tolerance=_TOLERANCE)
        return NetworkEncoder(
            input_map=_input_map(attributes, modality),
            branch=net.branch(modality),
            blocks=[makers[name]() for name in weights],
            block_weights=list(weights.values()),
            n_components_=attributes["n_components_"],
            familiarity=familiarity,
            familiar_code=None if familiarity is None else code,
        )

    def more(self, state):
        for name in ("representation_", "_is_partial"):
            del state[name]
        state["net_classes"] = state.pop("_net_classes")
        state["variates"] = {
            name: {
                **{k: v for k, v in part.state.items() if k in _OF_KERNELS},
                "moments": _moments(part.state["_moments"]),
            }
            for name, part in state.pop("_variates").items()
        }
        return super().more(state)


def _with_sample(parameters, state):
    """Add the sample of training pairs that `partial_fit` keeps.

    That is the landmarks of the kernels, where there are some.
    """
    if not state:
        return parameters, state
    kernel = state.get("variates", {}).get("kernel")
    sample = None
    if kernel is not None:
        sides = {n: X.astype(np.float32) for n, X in kernel["landmarks"].items()}
        n_kept, n_seen = len(sides["image"]), kernel["moments"]["n_samples"]
        sample = {
            "n_seen": n_kept if n_kept < _SAMPLE_SIZE else n_seen,
            **sides,
            "weight": np.ones(n_kept),
        }
    return parameters, {**state, "sample": sample}


_OF_KERNELS = ("landmarks", "gammas", "roots")


def _plain_network(parameters, state):
    """Say that the network has no way past its hidden layers and no locked modality."""
    as_it_was = {"skip_connection": False, "decoder_layer_sizes": None}
    advanced = {**as_it_was, **(parameters.get("advanced") or {})}
    if state:
        n_components = parameters.get("n_input_components")
        state = {**state, "n_input_components_": n_components}
    return {**parameters, "advanced": advanced, "locked": None}, state


def _variates(representation, name, modality):
    found = representation["variates"][name].state
    kernel = {}
    if "landmarks" in found:
        kernel = {
            "landmarks": found["landmarks"][modality],
            "gamma": found["gammas"][modality],
            "root": found["roots"][modality],
        }
    return VariatesBlock(
        mean=found["means"][modality], weights=found["weights"][modality], **kernel
    )


def _input_map(attributes, modality):
    mean, components, scale = (
        attributes[f"{modality}_{name}_"] for name in ("mean", "components", "scale")
    )
    return InputMap(mean=mean, components=components, scale=scale)


class _Net:
    """The network of a file: weights by their names in torch, and its sizes."""

    def __init__(self, part):
        self.weights, self.is_msln = part.state["weights"], part.name == "MSLNNet"
        prefix = "module__"
        options = part.state["options"].items()
        self.sizes = {k[len(prefix) :]: v for k, v in options if k.startswith(prefix)}

    def branch(self, modality):
        """Return the encoder of one modality."""
        n_components = self.sizes["n_components"]
        if self.is_msln:
            return Branch(
                perceptron=self._layers(f"encoders.{modality}.1"),
                n_components=n_components,
                code_activation=self.sizes["code_activation"],
                n_inputs=self.sizes["n_inputs"],
            )
        last = "both" if "last_layers.both.weight" in self.weights else modality
        layers = self._layers(f"bodies.{modality}", f"last_layers.{last}")
        return Branch(perceptron=layers, n_components=n_components)

    def decoder(self, modality):
        """Return what rebuilds one modality."""
        return self._layers(f"decoders.{modality}")

    def classifier(self):
        """Return what tells classes."""
        layer = self._layers("classifier", activation="identity")
        return Classifier(layer=layer, multi_label=self.sizes["multi_label"])

    def _layers(self, *homes, activation=None):
        """Return linear layers in their order, those of every home."""
        names = []
        for home in homes:
            own = [k for k in self.weights if k.startswith(f"{home}.")]
            stems = {k.rpartition(".")[0] for k in own}
            names += sorted(stems, key=_places)
        return Perceptron(
            weights=[self.weights[f"{name}.weight"] for name in names],
            biases=[self.weights[f"{name}.bias"] for name in names],
            activation=activation or self.sizes["activation"],
        )


def _encoder_of(retriever, modality):
    if retriever is None:
        return None
    if not hasattr(retriever, "get_params"):
        raise forged(f"a {type(retriever).__name__} for a retriever")
    from sklearn_xmodal.base import encoder_of

    return encoder_of(retriever, modality)


def _index(parameters, state):
    """Bring the parts of a folder into the order of today."""
    arrays, hubness = state.pop("arrays"), state.pop("hubness")
    if hubness is not None:
        hubness = {**hubness, "queries": arrays.pop("hubness_queries")}
    retriever = state.pop("retriever")
    for modality in _SIDES:
        state[f"{modality}_encoder"] = _encoder_of(retriever, modality)
    entry_point, vectors = state.pop("entry_point"), arrays.pop("vectors")
    if entry_point is not None:
        arrays["entry_point"] = entry_point
    return parameters, {
        **state,
        "vectors": vectors,
        "hubness": hubness,
        "graph": arrays,
    }


def _of_one_modality(parameters, state):
    """Add what tells the items of an index of both modalities apart: it had none.

    And what later corrections for hubs need.
    """
    hubness = state["hubness"]
    if hubness is not None:
        hubness = {**hubness, "weight": 0.75, "nearest": None}
    return parameters, {**state, "hubness": hubness, "is_text": None, "means": None}


def _in_float32(parameters, state):
    """Add how the vectors of an index are held."""
    return parameters, {**state, "storage": "float32", "ranges": None}


MIGRATIONS = {
    ("ACMRRetriever", 0): _of_retriever(_Network()),
    ("BagOfVisualWords", 0): _as_it_is,
    ("CCARetriever", 0): _of_retriever(
        _Linear("canonical_correlations_", "correlation_power", has_moments=True)
    ),
    ("CCARetrieverCV", 0): _of_retriever(
        _Linear("canonical_correlations_", "correlation_power")
    ),
    ("ClassDisjointKFold", 0): _parameters_only,
    ("ClassDisjointShuffleSplit", 0): _parameters_only,
    ("ContrastiveRetriever", 0): _of_retriever(_Network()),
    ("DCCARetriever", 0): _of_retriever(_Network()),
    ("DSCMRRetriever", 0): _of_retriever(_Network()),
    ("FrozenEstimator", 0): _as_it_is,
    ("GeneralizedShuffleSplit", 0): _parameters_only,
    ("HOGTransformer", 0): _as_it_is,
    ("KCCARetriever", 0): _of_retriever(_Kernel()),
    ("LocalBinaryPatternTransformer", 0): _as_it_is,
    ("MSLNRetriever", 0): _of_retriever(_MSLN()),
    ("MSLNRetriever", 1): _with_sample,
    ("MSLNRetriever", 2): _plain_network,
    ("ModalityTransformer", 0): _as_it_is,
    ("MvDARetriever", 0): _of_retriever(_Linear("eigenvalues_", "eigenvalue_power")),
    ("PLSRetriever", 0): _of_retriever(
        _Linear("singular_values_", "singular_value_power", has_moments=True)
    ),
    ("Pipeline", 0): _as_it_is,
    ("ProcrustesRetriever", 0): _of_retriever(
        _Linear("singular_values_", "singular_value_power")
    ),
    ("RetrievalIndex", 0): _index,
    ("RetrievalIndex", 1): _of_one_modality,
    ("RetrievalIndex", 2): _in_float32,
    ("RidgeRetriever", 0): _of_retriever(_Linear()),
    ("SCMRetriever", 0): _of_retriever(_Matching()),
    ("SemanticAutoencoderRetriever", 0): _of_retriever(_Linear()),
    ("SemanticMatchingRetriever", 0): _of_retriever(_Posterior()),
    ("ThreeViewCCARetriever", 0): _of_retriever(
        _Linear("eigenvalues_", "eigenvalue_power")
    ),
    ("ViewsModel", 0): _as_it_is,
    ("ViewsRetriever", 0): _of_retriever(_Views()),
    ("VotingRetriever", 0): _of_retriever(_Vote()),
}
