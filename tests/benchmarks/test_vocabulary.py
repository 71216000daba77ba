"""Names of unseen classes: what is scored, and the table."""

import numpy as np

from benchmarks import vocabulary
from benchmarks.vocabulary import CODE, scores_of
from sklearn_xmodal import CCARetriever, ImageTextPairs
from sklearn_xmodal.pairs import ModalityTransformer


def sentences(n_classes, n_items, rng):
    """Texts that lie around the vectors of their classes' names, images a turn away."""
    names = rng.normal(size=(n_classes, 8))
    y = np.repeat(np.arange(n_classes), n_items)
    text = names[y] + rng.normal(size=(len(y), 8)) * 0.7
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    image = text @ turn + 0.7 * rng.normal(size=text.shape)
    return ImageTextPairs(image, text), y, dict(enumerate(names))


def test_names_help_where_texts_lie_around_them():
    pairs, y, vectors = sentences(12, 20, np.random.default_rng(0))
    train, test = y < 6, y >= 6
    features = ModalityTransformer().fit(pairs[train], y[train])
    fold = pairs[train], y[train], pairs[test], y[test]
    retriever = CCARetriever(alpha=0.1).fit(pairs[train])
    scores = scores_of(fold, retriever, features, vectors)
    assert scores["names, joined"] > scores[CODE] + 0.05
    assert scores["names, joined"] > scores["names of the seen classes, joined"] + 0.05
    apart = scores_of(fold, retriever, None, vectors)  # texts that are no sentences
    assert apart.keys() == {CODE, "names by ridge regression, joined"}
    assert apart[CODE] == scores[CODE]


def test_table_has_the_paired_gain(tmp_path):
    records = [
        {
            "key": ["emoji", 100 + i, "CCA"],
            "scores": {CODE: base, "names, joined": base + 0.1},
            "n_train": 20,
            "n_test": 20,
        }
        for i, base in enumerate([0.2, 0.4])
    ]
    vocabulary.write_results(records, tmp_path)
    lines = (tmp_path / "README.md").read_text().splitlines()
    assert "| emoji | CCA | code | 2 | 0.300 |  |  |  |" in lines
    gain = "| emoji | CCA | names, joined | 2 | 0.400 | +0.100 | [+0.100, +0.100] | 2 |"
    assert gain in lines
    vocabulary.write_results(records[:1], tmp_path)  # one split has no interval
    lines = (tmp_path / "README.md").read_text().splitlines()
    assert "| emoji | CCA | names, joined | 1 | 0.300 | +0.100 |  | 1 |" in lines
