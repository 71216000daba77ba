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
}
#: Other features or labels of the items of another set: overall means leave them out.
VARIANTS = ("pascal100", "emoji-groups", "mfeat-kz")
EMBEDDED = ("glyphs", "digits")
NAMES = (*EMBEDDED, *FILES)


def load(name, data_home):
    """Return pairs and labels of a data set."""
    if name == "glyphs":
        image, text, y = load_unicode_glyphs(return_X_y=True)
        return ImageTextPairs(image, text), y
    if name == "digits":
        images, y = load_digits(return_X_y=True)
        left, right = np.split(images.reshape(-1, 8, 8), 2, axis=2)
        n = len(y)
        return ImageTextPairs(left.reshape(n, -1), right.reshape(n, -1)), y
    path, image, text, labels = FILES[name]
    with np.load(_locate(path, data_home, name), allow_pickle=False) as archive:
        return ImageTextPairs(archive[image], archive[text]), archive[labels]


def load_class_embeddings(name, data_home):
    """Return word vectors of the class names, one row per label, or None."""
    path, *_, labels = FILES.get(name, (None, None))
    if path is None or labels != "y":
        return None
    with np.load(_locate(path, data_home, name), allow_pickle=False) as archive:
        return archive.get("class_embeddings")


def _locate(path, data_home, name):
    if data_home is None:
        raise FileNotFoundError(
            f"data set {name} needs --data-home, the folder that holds {path}"
        )
    file = Path(data_home) / path
    if not file.is_file():
        raise FileNotFoundError(f"no file {path} below --data-home {data_home}")
    return file
