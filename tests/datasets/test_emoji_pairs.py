"""The emoji pairs: what is in the files, and how they are made."""

import io
import re
import sys
from collections import Counter
from importlib import resources

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GroupShuffleSplit

from sklearn_xmodal import CCARetriever
from sklearn_xmodal.datasets import load_emoji_pairs
from sklearn_xmodal.metrics import chance_level

Image = pytest.importorskip("PIL.Image")

LICENCES = resources.files("sklearn_xmodal.datasets") / "data" / "emoji_LICENSES.txt"


@pytest.fixture(scope="module")
def emoji():
    return load_emoji_pairs()


def drawings_of(emoji, name):
    return emoji.images[emoji.names == name].reshape(-1, 40 * 40, 3)


def test_sizes_are_those_of_the_description(emoji):
    assert Counter(emoji.drawings.tolist()) == {
        "fluent": 1540,
        "noto": 1622,
        "twemoji": 1836,
    }
    assert emoji.image.shape == (4998, 208)
    assert emoji.text.shape == (4998, 160)
    assert emoji.images.shape == (4998, 40, 40, 3)
    sizes = np.bincount(emoji.target)
    assert (len(sizes), sizes.min(), sizes.max()) == (89, 15, 244)
    assert len(set(emoji.groups)) == 1860
    assert len(set(emoji.categories)) == 9
    words = " ".join(emoji.DESCR.split())
    assert "4998 drawings of 1860 emoji: 1540 of fluent-emoji-flat, 1622 of" in words
    for side in (emoji.image, emoji.text):
        assert side.dtype == np.float32
        assert np.isfinite(side).all()


def test_a_group_is_one_emoji(emoji):
    for column in (emoji.target, emoji.texts, emoji.characters, emoji.categories):
        assert len(set(zip(emoji.groups, column, strict=True))) == 1860
    keys = zip(emoji.groups, emoji.drawings, strict=True)
    assert max(Counter(keys).values()) == 1
    first = np.unique(emoji.groups, return_index=True)[1]
    assert_array_equal(emoji.text, emoji.text[first][emoji.groups])


def test_no_picture_is_another_emoji_too(emoji):
    assert len(np.unique(emoji.image, axis=0)) == len(emoji.image)


@pytest.mark.parametrize(
    ("name", "kind", "category"),
    [
        # One on either side of where the source counts subgroups wrongly.
        ("avocado", "food-vegetable", "food-drink"),
        ("birthday cake", "food-sweet", "food-drink"),
        ("alarm clock", "time", "travel-places"),
        ("flag: Andorra", "country-flag", "flags"),
        ("Leo", "zodiac", "symbols"),
    ],
)
def test_kinds_have_their_names(emoji, name, kind, category):
    rows = emoji.names == name
    assert set(emoji.target_names[emoji.target[rows]]) == {kind}
    assert set(emoji.categories[rows]) == {category}


def test_pictures_show_what_their_names_say(emoji):
    black = drawings_of(emoji, "black large square")
    assert (black.mean(axis=(1, 2)) < 110).all()
    for colour, channel in {"red": 0, "green": 1, "blue": 2}.items():
        ink = drawings_of(emoji, f"{colour} heart").mean(axis=1)
        assert len(ink) == 3
        assert_array_equal(ink.argmax(axis=1), channel)


def test_unseen_emoji_are_found_far_above_chance(emoji):
    X_img, X_txt, y = load_emoji_pairs(return_X_y=True)
    assert_array_equal(X_img, emoji.image)
    assert_array_equal(X_txt, emoji.text)
    splitter = GroupShuffleSplit(1, random_state=100)
    train, test = next(splitter.split(y, y, emoji.groups))
    cca = CCARetriever(alpha=1).fit(X_img[train], X_txt[train])
    score = cca.score(X_img[test], X_txt[test], y[test])
    assert score > 8 * chance_level(y[test], y[test])


def test_class_embeddings_lie_in_the_space_of_the_texts(emoji):
    assert emoji.class_embeddings.shape == (89, 160)
    assert emoji.class_embeddings.dtype == np.float32
    bird, pizza = (emoji.text[emoji.names == name][0] for name in ("parrot", "pizza"))
    names = emoji.target_names.tolist()
    for text, kind in ((bird, "animal-bird"), (pizza, "food-prepared")):
        nearest = np.argsort(emoji.class_embeddings @ text)[::-1]
        assert names.index(kind) in nearest[:3]


def test_what_is_returned_is_the_callers(emoji):
    columns = ("image", "text", "groups", "drawings", "target_names", "categories")
    columns = (*columns, "class_embeddings")
    loaded = load_emoji_pairs()
    for name in columns:
        loaded[name][:] = loaded[name][-1]
    again = load_emoji_pairs()
    for name in columns:
        assert_array_equal(again[name], emoji[name])


def test_without_pillow_features_are_there_and_an_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=re.escape("sklearn-xmodal[plot]")):
        load_emoji_pairs()
    assert len(load_emoji_pairs(return_X_y=True)) == 3


def test_licences_of_all_that_is_shipped_come_along(emoji):
    text = LICENCES.read_text(encoding="utf-8")
    for name in {*emoji.drawings.tolist()}:
        assert f'Drawings "{name}"' in text
    for holder in ("Microsoft Corporation", "Google LLC", "Twitter", "Miles Johnson"):
        assert holder in text
    for title in ("Apache License", "Attribution 4.0 International", "MIT License"):
        assert title in text
    assert "openmoji" not in text.lower()


# How the files are made.


@pytest.fixture
def emoji_pairs():
    pytest.importorskip("threadpoolctl")
    from benchmarks import emoji_pairs

    return emoji_pairs


def png_of(colour):
    file = io.BytesIO()
    Image.new("RGB", (48, 48), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def source(tmp_path):
    """Write the files of six drawings of three emoji, one of which none may ship."""
    rng = np.random.default_rng(0)
    X_img = rng.normal(size=(6, 8))
    X_img[4] = X_img[0]  # a copy, of another emoji
    np.savez(
        tmp_path / "pictograms.npz",
        X_img=X_img.astype(np.float16),
        T_emoji=rng.normal(size=(3, 5)).astype(np.float16),
        emoji=[0, 1, 2, 0, 1, 2],
        y=["food-asian", "food-marine", "flag", "food-asian", "food-marine", "flag"],
        group=["a", "a", "b", "a", "a", "b"],
        source=["noto", "noto", "openmoji", "twemoji", "twemoji", "twemoji"],
        sentence=["rice: a", "cake: b", "flag: Peru: c"],
        character=["r", "c", "p"],
    )
    names = ["country flag", "food asian", "food sweet", "of another data set"]
    np.savez(tmp_path / "class_names.npz", names=names, X=np.eye(4, 5))
    colours = ["red", "lime", "gray", "blue", "black", "yellow"]
    files = [png_of(colour) for colour in colours]
    ends = np.cumsum([len(file) for file in files])
    png = np.frombuffer(b"".join(files), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", png=png, end=ends)
    return tmp_path


def test_files_are_made_of_their_source(emoji_pairs, source, tmp_path, monkeypatch):
    monkeypatch.setattr(emoji_pairs, "N_IMAGE", 3)
    emoji_pairs.make(source, tmp_path)
    with np.load(tmp_path / "emoji_pairs.npz", allow_pickle=False) as file:
        assert file["drawing"].tolist() == ["noto", "noto", "twemoji", "twemoji"]
        assert file["emoji"].tolist() == [0, 1, 0, 2]
        kinds = ["food-asian", "food-sweet", "food-asian", "country-flag"]
        assert file["subgroup"].tolist() == kinds
        assert file["image"].shape == (4, 3)
        assert file["text"].dtype == np.float16
        # In the coordinates of the texts, whose inner products they keep.
        found = file["class_embeddings"].astype(float)[:, None] @ file["text"].T[None]
    with np.load(source / "pictograms.npz") as file:
        assert_allclose(found[:, 0], file["T_emoji"].T[:3].astype(float), atol=0.01)
    with Image.open(tmp_path / "emoji_pairs.webp") as sheet:
        assert sheet.size == (72 * 40, 40)
        shown = [sheet.convert("RGB").getpixel((40 * i + 20, 20)) for i in range(5)]
    for pixel, colour in zip(
        shown,
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 255, 255)],
        strict=True,
    ):
        assert_allclose(pixel, colour, atol=24)


def test_reduction_keeps_inner_products_as_well_as_can_be(emoji_pairs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6)) @ np.diag([5, 4, 3, 0.1, 0.1, 0.1]) + 1.0
    full = emoji_pairs.reduce(X, 6).astype(float)
    assert_allclose(full @ full.T, X @ X.T, rtol=0.01, atol=0.1)
    U, s, _ = np.linalg.svd(X, full_matrices=False)
    kept = emoji_pairs.reduce(X, 3).astype(float)
    best = (U[:, :3] * s[:3] ** 2) @ U[:, :3].T  # Eckart and Young
    assert_allclose(kept @ kept.T, best, rtol=0.01, atol=0.1)


@pytest.mark.thorough
def test_shipped_files_are_made_of_the_shared_ones(emoji_pairs, shared_data, emoji):
    folder = shared_data / "pictograms"
    rows, data = emoji_pairs.read(folder)
    assert_array_equal(data["emoji"], emoji.groups)
    assert_array_equal(data["subgroup"], emoji.target_names[emoji.target])
    image = emoji_pairs.reduce(data["image"], emoji_pairs.N_IMAGE)
    assert_allclose(image, emoji.image, atol=0.02)
    text = emoji_pairs.reduce(data["text"], emoji_pairs.N_TEXT)
    assert_allclose(text[data["emoji"]], emoji.text, atol=0.002)
    sheet = np.asarray(emoji_pairs.draw_sheet(folder / "pictures.npz", rows))
    for place in (0, 100, 4997):
        line, column = divmod(place, 72)
        tile = sheet[40 * line :, 40 * column :][:40, :40].astype(float)
        assert np.abs(tile - emoji.images[place]).mean() < 12  # of 255, as WebP
