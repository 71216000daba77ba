"""What retrievers that are made of others share."""

from sklearn.base import clone
from sklearn.utils import get_tags

from sklearn_xmodal.base import encoder_of
from sklearn_xmodal.pairs import ImageTextPairs, KernelPairs
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._sklearn_compat import weights_for


def pairs_for(retriever, X_img, X_txt):
    """Return validated pairs as the members of a retriever get them."""
    is_pairwise = get_tags(retriever).input_tags.pairwise
    return (KernelPairs if is_pairwise else ImageTextPairs)(X_img, X_txt)


def fitted_member(member, pairs, y, sample_weight):
    """Return a clone that is fitted to pairs."""
    return clone(member).fit(pairs, y, **weights_for(member, sample_weight))


def encoders_of(member, pairs):
    """Return both encoders of a fitted member, whose codes lie in one space."""
    image, text = (
        _encoder_of(member, name, getattr(pairs[:1], name)) for name in MODALITIES
    )
    if image.n_components_ != text.n_components_:
        raise ValueError(
            f"Image codes and text codes of {type(member).__name__} must lie in the "
            f"same space. Got codes of different width: {image.n_components_} and "
            f"{text.n_components_}."
        )
    return image, text


def _encoder_of(member, modality, example):
    """Return the encoder of a member, which must take an item of these pairs."""
    encoder = encoder_of(member, modality, example)
    encoder._checked_codes(example, f"the {modality} features")
    return encoder


def set_arrays_of_members(state, members):
    """Let networks compute where those of the members do; a file does not say where."""
    for modality in MODALITIES:
        found = [on for m in members for on in encoder_of(m, modality)._arrays()]
        encoder = state[f"{modality}_encoder_"]
        state[f"{modality}_encoder_"] = encoder._with_arrays_of(iter(found))


def take_tags(tags, members):
    """Let a retriever take what all of its members take, and need what one needs."""
    of_members = [get_tags(member) for member in members]
    for ability in ("sparse", "pairwise"):
        able = bool(members) and all(getattr(m.input_tags, ability) for m in of_members)
        setattr(tags.input_tags, ability, able)
    needy = [m.target_tags for m in of_members if m.target_tags.required]
    tags.target_tags.required = bool(needy)
    tags.target_tags.multi_output = bool(needy) and all(
        target.multi_output for target in needy
    )
