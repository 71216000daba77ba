"""How much every block counts, by which classes are searched for."""

from numbers import Real

import numpy as np

BLOCKS = (
    "code",
    "contrastive",
    "posterior",
    "canonical",
    "kernel",
    "reconstruction",
    "locked",
)
#: Weights of the blocks by what is searched for.
DEFAULT_WEIGHTS = {
    "seen": {"code": 1.0, "posterior": 2.0},
    "unseen": {
        "contrastive": 1.0,
        "canonical": 1.0,
        "kernel": 1.0,
        "reconstruction": 0.5,
        "locked": 1.0,
        "code": 0.5,
    },
}
#: What may be searched for.
TARGET_CLASSES = (*DEFAULT_WEIGHTS, "both")
#: Weight of the contrastive term: the less, the more seen classes.
_CONTRASTIVE_WEIGHTS = {"seen": 0.0, "both": 0.3, "unseen": 1.0}


def contrastive_weight(target_classes, custom):
    """Return the weight of the contrastive term, the default where it is "auto"."""
    return _CONTRASTIVE_WEIGHTS[target_classes] if custom == "auto" else custom


def block_weights(target_classes, custom, weight_of_contrastive, locked):
    """Return name -> weight, at least one above 0; custom ones go before the defaults.

    The weight of the contrastive term and the locked modality tell which blocks are
    there.

    For both kinds of classes name -> weights for unseen and for seen ones, in shares of
    the whole.
    """
    missing = set()
    if not weight_of_contrastive > 0:
        missing = {"contrastive", "locked"}
    elif locked is None:
        missing = {"locked"}
    if custom is not None:
        return _checked(custom, missing)
    if target_classes != "both":
        return _default(target_classes, missing)
    shares = []
    for kind in ("unseen", "seen"):
        weights = _default(kind, missing)
        total = sum(weights.values())
        shares.append({name: w / total for name, w in weights.items()})
    return {
        name: tuple(of_kind.get(name, 0.0) for of_kind in shares)
        for name in BLOCKS
        if any(name in of_kind for of_kind in shares)
    }


def _default(target_classes, missing):
    """Return the default weights; the code takes the place of the contrastive one."""
    weights = dict(DEFAULT_WEIGHTS[target_classes])
    if "contrastive" in weights and "contrastive" in missing:
        weights["code"] = weights["contrastive"] + weights.get("code", 0.0)
    return {name: w for name, w in weights.items() if name not in missing}


def _checked(custom, missing):
    """Return weights that a user has chosen."""
    available = [b for b in BLOCKS if b not in missing]
    unknown = sorted(set(custom) - set(available), key=str)
    if unknown:
        raise ValueError(
            f"block_weights must be over {', '.join(available)} ('contrastive' and "
            "'locked' need contrastive_weight > 0, the latter also a locked modality). "
            f"Got {unknown}."
        )
    weights = {name: custom[name] for name in available if name in custom}
    are_weights = all(
        isinstance(w, Real) and not w < 0 and w < np.inf for w in weights.values()
    )
    if not are_weights or not any(weights.values()):
        raise ValueError(
            "block_weights must be finite, at least 0, and one of them above 0. Got "
            f"{dict(custom)}."
        )
    return weights


def depend_on_familiarity(weights):
    """Tell whether the weights of the blocks differ from item to item."""
    return any(isinstance(w, tuple) for w in weights.values())
