"""The data sets of the accuracy benchmark, by short name."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from sklearn_xmodal.datasets import load_unicode_glyphs
from sklearn_xmodal.pairs import ImageTextPairs

#: name -> (file below data_home, image key, text key, label key)
FILES = {
    "wiki": ("wikipedia/wikipedia.npz", "X_img_sift", "X_txt_lda", "y"),
    "wiki100": ("wikipedia/wikipedia.npz", "X_img", "X_txt", "y"),
    "wikitf": ("wikipedia/wikipedia.npz", "X_img", "X_txt_tfidf", "y"),
    "pascal": ("pascal_sentence/pascal_mdlcw.npz", "X_img", "X_txt", "y"),
    "pascal100": ("pascal_sentence/pascal_dscmr100.npz", "X_img", "X_txt", "y"),
    "emoji": ("emoji/emoji.npz", "X_img", "X_txt", "y"),
    "emoji-groups": ("emoji/emoji.npz", "X_img", "X_txt", "y_group"),
    "mfeat": ("mfeat/mfeat.npz", "X_img", "X_txt", "y"),
    "mfeat-kz": ("mfeat/mfeat.npz", "view_kar", "view_zer", "y"),
    "ccv": ("ccv/ccv.npz", "X_img", "X_txt", "y"),
    # Made by benchmarks.encode_glyphs.
    "glyphs-encoded": ("glyphs/glyphs_encoded.npz", "X_img", "X_txt", "y"),
}
#: Vectors of a joint model, without labels: name -> (file, key of picture ids or None).
JOINT = {
    "coco": ("clip/coco500.npz", None),
    "flickr8k": ("clip/flickr8k_captions.npz", "image_id"),
}
_PICTOGRAMS = "pictograms/pictograms.npz"
#: Sets of drawings of the same texts: one of four, or all, with its text a group.
DRAWINGS = {"pictograms": "twemoji", "pictograms-all": None}
#: Other features or labels of the items of another set: overall means leave them out.
VARIANTS = ("pascal100", "emoji-groups", "mfeat-kz", "pictograms-all")
EMBEDDED = ("glyphs", "digits")
NAMES = (*EMBEDDED, *FILES, *DRAWINGS, *JOINT)
#: What the items of a data set are, for those who read its scores.
TOLD = {
    "glyphs": "characters of one font, their pictures by gradients, the words of their "
    "Unicode names; classes are scripts and families of symbols",
    "digits": "left and right halves of handwritten digits, 8 x 8 pixels",
    "wiki": "pictures of Wikipedia articles by SIFT words, their texts by ten topics",
    "wiki100": "the same articles, both sides as dense vectors of later papers",
    "wikitf": "the same articles, texts by TF-IDF of 1,000 words",
    "pascal": "Pascal Sentence, 260 features of pictures and 1,408 of sentences",
    "pascal100": "100 pairs of Pascal Sentence, VGG-19 and a network of sentences",
    "emoji": "EmojiOne drawings by Gabor filters and colours, names and keywords by "
    "TF-IDF",
    "emoji-groups": "the same emoji in their nine groups",
    "mfeat": "handwritten digits, their pixels and their Fourier coefficients",
    "mfeat-kz": "the same digits, Karhunen-Loeve coefficients and Zernike moments",
    "ccv": "Columbia Consumer Video, two of its descriptors",
    "glyphs-encoded": "characters of one font, their pictures by EfficientNet-Lite0, "
    "their Unicode names by the sentence encoder all-MiniLM-L6-v2; classes are scripts "
    "and families of symbols",
    "pictograms": "one drawing of each emoji (Twemoji) by EfficientNet-Lite0, its name "
    "and keywords by all-MiniLM-L6-v2; classes are the subgroups of Unicode",
    "pictograms-all": "the same emoji, up to four drawings of each",
    "coco": "CLIP vectors (ViT-B/32) of pictures of COCO and of a caption of each",
    "flickr8k": "CLIP vectors of pictures of Flickr8k and of the first caption of each",
}


def load(name, data_home):
    """Return pairs and labels of a data set, `None` where there are no labels."""
    if name == "glyphs":
        image, text, y = load_unicode_glyphs(return_X_y=True)
        return ImageTextPairs(image, text), y
    if name == "digits":
        images, y = load_digits(return_X_y=True)
        left, right = np.split(images.reshape(-1, 8, 8), 2, axis=2)
        n = len(y)
        return ImageTextPairs(left.reshape(n, -1), right.reshape(n, -1)), y
    if name in JOINT:
        return _load_joint(name, data_home), None
    if name in DRAWINGS:
        return load_pictograms(data_home, DRAWINGS[name])
    path, image, text, labels = FILES[name]
    with np.load(locate(path, data_home, name), allow_pickle=False) as archive:
        sides = (_as_usual(archive[key]) for key in (image, text))
        return ImageTextPairs(*sides), archive[labels]


def training_list(name, data_home):
    """Return the rows that a data set's own list has for training."""
    path = FILES[name][0]
    with np.load(locate(path, data_home, name), allow_pickle=False) as archive:
        return archive["train_idx"]


def load_groups(name, data_home):
    """Return what every pair belongs to, or None where each is on its own."""
    if DRAWINGS.get(name, "one set") is not None:
        return None
    with np.load(locate(_PICTOGRAMS, data_home, name), allow_pickle=False) as archive:
        return archive["emoji"]


def _as_usual(X):
    return X.astype(np.float32) if X.dtype == np.float16 else X


def _load_joint(name, data_home):
    """Return a pair per picture, with the first of its captions."""
    path, ids = JOINT[name]
    with np.load(locate(path, data_home, name), allow_pickle=False) as archive:
        pairs = ImageTextPairs(archive["X_img"], archive["X_txt"])
        if ids is None:
            return pairs
        return pairs[np.unique(archive[ids], return_index=True)[1]]


def load_pictograms(data_home, drawings=DRAWINGS["pictograms"]):
    """Return pairs and labels of a set of drawings, `None` for the four of them."""
    file = locate(_PICTOGRAMS, data_home, "pictograms")
    with np.load(file, allow_pickle=False) as archive:
        source = archive["source"]
        rows = np.isin(source, source if drawings is None else [drawings])
        X_img, emoji = archive["X_img"][rows], archive["emoji"][rows]
        sides = _as_usual(X_img), _as_usual(archive["T_emoji"][emoji])
        return ImageTextPairs(*sides), archive["y"][rows]


def locate(path, data_home, name):
    """Return the file of a data set below the data home; it must be there."""
    if data_home is None:
        raise FileNotFoundError(
            f"data set {name} needs --data-home, the folder that holds {path}"
        )
    file = Path(data_home) / path
    if not file.is_file():
        raise FileNotFoundError(f"no file {path} below --data-home {data_home}")
    return file
