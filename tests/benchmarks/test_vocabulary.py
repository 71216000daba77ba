"""Names of unseen classes: probabilities by their definition, and what is joined."""

import numpy as np
import pytest

from benchmarks import vocabulary
from benchmarks.vocabulary import CODE, TEMPERATURE, joined, probabilities, scores_of
from sklearn_xmodal import CCARetriever, ImageTextPairs
from sklearn_xmodal.pairs import ModalityTransformer
from tests.conftest import SEEDS


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


@pytest.mark.parametrize("seed", SEEDS)
def test_probabilities_are_a_softmax_of_cosines(seed):
    rng = np.random.default_rng(seed)
    codes, names = rng.normal(size=(5, 4)), rng.normal(size=(3, 4))
    found = probabilities(codes, names)
    for code, row in zip(codes, found, strict=True):
        odds = [np.exp(cosine(code, name) / TEMPERATURE) for name in names]
        block = np.array(odds) / sum(odds) - 1 / 3
        np.testing.assert_allclose(row, block / np.sqrt(block @ block), rtol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cosine_of_what_is_joined_is_the_mean_of_both(seed):
    rng = np.random.default_rng(seed)
    (a, b), (p, q) = rng.normal(size=(2, 5)), rng.normal(size=(2, 3))
    p, q = (v / np.linalg.norm(v) for v in (p, q))
    one, other = joined([a], [p])[0], joined([b], [q])[0]
    assert cosine(one, other) == pytest.approx((cosine(a, b) + p @ q) / 2)


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
