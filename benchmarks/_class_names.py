"""What the classes of the data sets are called, and the vectors of these names."""

import itertools

import numpy as np

from benchmarks._datasets import DRAWINGS, FILES, load, locate
from sklearn_xmodal.datasets import load_unicode_glyphs

#: Below the data home: a vector per name. `benchmarks.encode_class_names` makes it.
ENCODED = "class_names/class_names.npz"
# The subgroups of Unicode from the one on that emojibase lists without using it: behind
# it, the names in the file of pictograms are those of the subgroup before.
_SHIFTED = """
    food-marine food-sweet drink dishware place-map place-geographic
    place-building place-religious place-other transport-ground transport-water
    transport-air hotel time sky-weather event award-medal sport game arts-crafts
    clothing sound music musical-instrument phone computer light-video book-paper money
    mail writing office lock tool science medical household other-object transport-sign
    warning arrow religion zodiac av-symbol gender math punctuation currency
    other-symbol keycap alphanum geometric flag country-flag subdivision-flag
"""
SUBGROUPS = dict(itertools.pairwise(_SHIFTED.split()))


def class_names(dataset, data_home):
    """Return label -> name in English, or None where the classes have no names."""
    if dataset.startswith("glyphs"):
        return dict(enumerate(load_unicode_glyphs().target_names.tolist()))
    if dataset in DRAWINGS:
        labels = np.unique(load(dataset, data_home)[1]).tolist()
        return {label: in_words(SUBGROUPS.get(label, label)) for label in labels}
    path, *_, labels = FILES.get(dataset, (None, None))
    if path is None or labels != "y":
        return None
    with np.load(locate(path, data_home, dataset), allow_pickle=False) as archive:
        if "class_embeddings" not in archive:  # classes found by clustering
            return None
        return dict(enumerate(map(in_words, archive["target_names"].tolist())))


def in_words(name):
    """Return what a class is called in words."""
    return name.replace("-", " ").replace("&", "and")


def class_name_vectors(dataset, data_home):
    """Return label -> vector (384,) of its class's name, or None without names."""
    names = class_names(dataset, data_home)
    if names is None:
        return None
    with np.load(locate(ENCODED, data_home, "class names"), allow_pickle=False) as file:
        vectors = dict(zip(file["names"].tolist(), file["X"], strict=True))
    return {label: vectors[name] for label, name in names.items()}
