"""Emoji pictures are fetched whole, and described as documented."""

import dataclasses
import hashlib
import io
import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_xmodal.datasets import _emoji, _emoji_pictures, fetch_emoji
from sklearn_xmodal.datasets._picture_features import picture_features
from tests.conftest import thorough_but

NAMES = [f"1f{i:03x}" for i in range(24)]
WORDS = ["red", "round", "big", "cat", "tree", "sun", "ship", "moon"]


def png(pixels):
    image = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    image.fromarray(pixels, "RGBA" if pixels.shape[-1] == 4 else "RGB").save(
        buffer, "PNG"
    )
    return buffer.getvalue()


def make_pictures(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 64, 64, 4), np.uint8)


@pytest.fixture
def emoji(monkeypatch, server, replace_file, replace_glove):
    """24 made-up emoji in three classes, served as the real ones are."""
    pixels = make_pictures(len(NAMES))
    is_train = np.arange(len(NAMES)) % 3 > 0
    real = _emoji_pictures.read_list()[2][0]
    base, _, _ = real.source.rpartition("/")
    pictures = [
        dataclasses.replace(
            real,
            path=f"emoji/png/{name}.png",
            sha256=hashlib.sha256(picture.tobytes()).hexdigest(),
            source=f"{base}/{name}.png",
        )
        for name, picture in zip(NAMES, pixels, strict=True)
    ]
    for file, picture in zip(pictures, pixels, strict=True):
        server.put(file, png(picture))
    monkeypatch.setattr(_emoji, "read_list", lambda: (NAMES, is_train, pictures))
    entries = {
        f"entry{i}": {
            "unicode": name,
            "name": f"{WORDS[i % 8]}-thing",
            "keywords": [WORDS[i % 5], "The  Rest!"],
        }
        for i, name in enumerate(NAMES)
    }
    replace_file(_emoji, "_NAMES", json.dumps(entries).encode())
    replace_file(_emoji, "_GROUPS", unicode_list().encode())
    replace_glove(WORDS, np.random.default_rng(1).normal(size=(8, 25)))
    return {"pixels": pixels, "is_train": is_train, "pictures": pictures}


def unicode_list():
    """Three subgroups of eight in two groups, not in alphabetical order."""
    lines = ["# emoji-test.txt", "", "# group: Sky & Sea", "# subgroup: sun"]
    for i, name in enumerate(NAMES):
        if i == 8:
            lines += ["# subgroup: red cat"]
        if i == 16:
            lines += ["", "# group: Land", "# subgroup: tree"]
        lines.append(f"{name.upper()} FE0F  ; fully-qualified  # x E1.0 whatever")
    return "\n".join([*lines, "#EOF", ""])


class TestFetch:
    def test_pictures_come_as_they_are(self, emoji, tmp_path):
        bunch = fetch_emoji(data_home=tmp_path)
        assert_array_equal(bunch.images, emoji["pixels"])
        assert_array_equal(bunch.image, picture_features(emoji["pixels"]))
        assert list(bunch.codepoints) == NAMES

    def test_texts_are_name_and_keywords_without_punctuation(self, emoji, tmp_path):
        texts = fetch_emoji(data_home=tmp_path).texts
        assert texts[0] == "red thing red the rest"
        assert texts[1] == "round thing round the rest"

    def test_classes_are_the_subgroups_of_unicode(self, emoji, tmp_path):
        bunch = fetch_emoji(data_home=tmp_path)
        assert list(bunch.target_names) == ["red cat", "sun", "tree"]
        assert list(bunch.target) == 8 * [1] + 8 * [0] + 8 * [2]
        assert list(bunch.group_names) == ["Land", "Sky & Sea"]
        assert list(bunch.group) == 16 * [1] + 8 * [0]

    def test_joiners_and_variation_selectors_do_not_count(self):
        line = b"1F468 200D 2764 FE0F 200D 1F468 ; fully-qualified # y"
        content = b"# group: A\n# subgroup: b\n" + line
        groups, subgroups = _emoji._read_classes(content, ["1f468-2764-1f468"])
        assert (groups, subgroups) == (("A",), ("b",))

    def test_words_are_weighed_by_the_training_part(self, emoji, tmp_path):
        bunch = fetch_emoji(data_home=tmp_path)
        train = bunch.texts[emoji["is_train"]]
        vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2).fit(train)
        expected = vectorizer.transform(bunch.texts).toarray()
        assert bunch.text.dtype == np.float32
        assert_allclose(bunch.text, expected, rtol=1e-6)

    def test_vectors_are_means_over_known_words(self, emoji, tmp_path):
        bunch = fetch_emoji(text="glove", data_home=tmp_path)
        vectors = np.random.default_rng(1).normal(size=(8, 25)).astype(np.float32)
        by_word = dict(zip(WORDS, vectors, strict=True))
        for row, text in zip(bunch.text, bunch.texts, strict=True):
            known = [by_word[word] for word in text.split() if word in by_word]
            assert_allclose(row, np.mean(known, axis=0), rtol=1e-5, atol=1e-7)
        red_cat = (by_word["red"] + by_word["cat"]) / 2
        expected = [red_cat, by_word["sun"], by_word["tree"]]
        assert_allclose(bunch.class_embeddings, expected, rtol=1e-6)

    def test_subsets_are_rows_of_the_whole(self, emoji, tmp_path):
        whole = fetch_emoji(data_home=tmp_path)
        for subset, rows in (
            ("train", emoji["is_train"]),
            ("test", ~emoji["is_train"]),
        ):
            part = fetch_emoji(subset=subset, data_home=tmp_path)
            for key in ("images", "image", "text", "texts", "target", "group"):
                assert_array_equal(part[key], whole[key][rows])
            X_img, X_txt, y = fetch_emoji(
                subset=subset, data_home=tmp_path, return_X_y=True
            )
            assert_array_equal(X_img, part.image)
            assert_array_equal(X_txt, part.text)
            assert_array_equal(y, part.target)

    def test_a_second_call_needs_no_network(self, emoji, server, tmp_path):
        first = fetch_emoji(data_home=tmp_path)
        n_requests = len(server.requests)
        assert n_requests == 24 + 3
        second = fetch_emoji(data_home=tmp_path, download_if_missing=False)
        assert len(server.requests) == n_requests
        assert_array_equal(first.images, second.images)

    def test_goes_on_where_it_was_cut_off(self, emoji, server, tmp_path):
        bad = emoji["pictures"][-1]
        server.script[server.path_of(bad)] = ["cut"]
        with pytest.raises(OSError, match=r"assets/png/1f017\.png could not be down"):
            fetch_emoji(data_home=tmp_path, n_retries=0)
        kept = len(list(tmp_path.glob("emoji/png/*")))
        assert kept >= 24 - 8
        server.requests.clear()
        fetch_emoji(data_home=tmp_path, n_retries=0)
        pictures = [path for path in server.requests if path.endswith(".png")]
        assert len(pictures) == 24 - kept

    def test_another_picture_is_refused(self, emoji, server, tmp_path):
        server.put(emoji["pictures"][3], png(make_pictures(1, seed=5)[0]))
        message = r"1f003\.png could not .* pixels with SHA256 [0-9a-f]{64} instead of"
        with pytest.raises(OSError, match=message):
            fetch_emoji(data_home=tmp_path, n_retries=0)
        assert not (tmp_path / "emoji" / "png" / "1f003.png").exists()

    @pytest.mark.parametrize("position", thorough_but([20, 3000], [0, 20, 60, 3000]))
    def test_a_damaged_picture_is_fetched_again(self, emoji, tmp_path, position):
        fetch_emoji(data_home=tmp_path, return_X_y=True)
        path = tmp_path / "emoji" / "png" / "1f004.png"
        good = path.read_bytes()
        damaged = bytearray(good)
        damaged[position] ^= 255
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match=r"1f004\.png is damaged"):
            bunch = fetch_emoji(data_home=tmp_path)
        assert path.read_bytes() == good
        assert_array_equal(bunch.images, emoji["pixels"])

    def test_one_file_with_all_pictures_serves_if_it_is_the_known_one(
        self, emoji, server, tmp_path, monkeypatch
    ):
        pixels = make_pictures(len(NAMES), seed=7)
        path = tmp_path / _emoji_pictures._STACK.path
        path.parent.mkdir()
        np.savez_compressed(path, images=pixels, codepoints=np.array(NAMES))
        # A file that is not the known one is left alone.
        assert_array_equal(fetch_emoji(data_home=tmp_path).images, emoji["pixels"])
        content = path.read_bytes()
        stack = dataclasses.replace(
            _emoji_pictures._STACK,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        monkeypatch.setattr(_emoji_pictures, "_STACK", stack)
        assert_array_equal(fetch_emoji(data_home=tmp_path).images, pixels)

    def test_without_pillow_names_the_extra(self, emoji, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "PIL", None)
        with pytest.raises(ImportError, match=r'Pillow.*"sklearn-xmodal\[datasets\]"'):
            fetch_emoji(data_home=tmp_path)


class TestPicture:
    @pytest.fixture
    def picture(self):
        (pixels,) = make_pictures(1)
        real = _emoji_pictures.read_list()[2][0]
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        return dataclasses.replace(real, sha256=digest), png(pixels)

    def test_any_encoding_of_the_pixels_will_do(self, picture):
        file, content = picture
        image = pytest.importorskip("PIL.Image")
        buffer = io.BytesIO()
        image.open(io.BytesIO(content)).save(buffer, "PNG", compress_level=0)
        assert buffer.getvalue() != content
        assert file.fault(content) is file.fault(buffer.getvalue()) is None

    @pytest.mark.parametrize("seed", thorough_but([0], range(5)))
    def test_damage_is_a_fault_and_never_an_exception(self, picture, seed):
        file, content = picture
        rng = np.random.default_rng(seed)
        for _ in range(40):
            damaged = bytearray(content)
            for position in rng.integers(0, len(content), 3):
                damaged[position] = rng.integers(256)
            fault = file.fault(bytes(damaged[: rng.integers(1, len(content))]))
            assert fault is not None

    @pytest.mark.parametrize("content", [b"", b"<html>", b"\x89PNG\r\n\x1a\n"])
    def test_what_is_no_picture_is_a_fault(self, picture, content):
        assert "no 64 x 64 PNG picture" in picture[0].fault(content)

    @pytest.mark.parametrize("side", [32, 65])
    def test_another_size_is_a_fault_before_it_is_unpacked(self, picture, side):
        content = png(np.zeros((side, side, 4), np.uint8))
        assert "the header is another one" in picture[0].fault(content)

    def test_a_huge_picture_is_not_unpacked(self, picture):
        huge = bytearray(picture[1])
        huge[16:24] = 2 * (2**31 - 1).to_bytes(4, "big")
        assert "the header is another one" in picture[0].fault(bytes(huge))


@pytest.fixture(scope="module")
def bunch(shared_data):
    """Emoji from the files beside the checkout, the pictures in one file."""
    return fetch_emoji(data_home=shared_data, download_if_missing=False)


@pytest.fixture(scope="module")
def archive(shared_data):
    """Arrays of the benchmark."""
    with np.load(shared_data / "emoji" / "emoji.npz") as archive:
        return dict(archive)


class TestRealFiles:
    @pytest.mark.parametrize(
        ("key", "name"),
        [
            ("image", "X_img"),
            ("text", "X_txt"),
            ("target", "y"),
            ("target_names", "target_names"),
            ("group", "y_group"),
            ("group_names", "group_names"),
            ("class_embeddings", "class_embeddings"),
            ("codepoints", "codepoints"),
        ],
    )
    def test_give_the_arrays_of_the_benchmark(self, bunch, archive, key, name):
        assert bunch[key].dtype == archive[name].dtype
        if bunch[key].dtype == np.float32:  # sums depend on the machine
            assert_allclose(bunch[key], archive[name], atol=1e-6)
        else:
            assert_array_equal(bunch[key], archive[name])

    def test_give_the_split_and_the_texts(self, bunch, archive):
        is_train = _emoji_pictures.read_list()[1]
        assert_array_equal(np.flatnonzero(is_train), archive["train_idx"])
        texts = [" ".join(text.split()) for text in archive["texts"]]
        assert list(bunch.texts) == texts

    def test_mean_word_vectors_are_those_of_the_benchmark(self, archive, shared_data):
        X_txt = fetch_emoji(
            text="glove",
            subset="test",
            data_home=shared_data,
            download_if_missing=False,
            return_X_y=True,
        )[1]
        expected = archive["X_txt_glove25"][archive["test_idx"]]
        assert_allclose(X_txt, expected, atol=1e-6)

    def test_description_counts_right(self, bunch):
        counts = np.bincount(bunch.target)
        assert (len(counts), counts.min(), counts.max()) == (52, 9, 46)
        assert (bunch.image == 0).all(axis=0).sum() == 6
        assert (bunch.text == 0).all(axis=1).sum() == 31

    @pytest.mark.thorough
    def test_pictures_come_one_by_one_too(self, bunch, shared_data, server, tmp_path):
        # The pixels of the real pictures in PNG files of our own.
        for file, pixels in zip(
            _emoji_pictures.read_list()[2], bunch.images, strict=True
        ):
            server.put(file, png(pixels))
        for file in (_emoji._NAMES, _emoji._GROUPS):
            server.put(file, (shared_data / file.path).read_bytes())
        X_img, X_txt, y = fetch_emoji(data_home=tmp_path, return_X_y=True)
        assert len(server.requests) == 938 + 2
        assert_array_equal(X_img, bunch.image)
        assert_array_equal(X_txt, bunch.text)
        assert_array_equal(y, bunch.target)
