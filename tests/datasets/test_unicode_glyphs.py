import hashlib
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from sklearn_xmodal.datasets import _unicode_glyphs, load_unicode_glyphs
from tests.conftest import SEEDS

pytest.importorskip("matplotlib")

# Family: pairs, mean ink of the pictures, mean of the image features.
SUMMARY = {
    "arabic": (463, 0.08871, 0.10517),
    "armenian": (91, 0.11350, 0.10585),
    "arrow": (180, 0.09546, 0.10385),
    "box drawings": (128, 0.09803, 0.08457),
    "braille": (255, 0.06373, 0.09801),
    "canadian syllabics": (404, 0.09901, 0.10706),
    "cyrillic": (319, 0.12529, 0.11115),
    "dingbat": (30, 0.24946, 0.14692),
    "domino": (100, 0.23676, 0.13561),
    "face": (70, 0.20832, 0.14494),
    "georgian": (120, 0.11776, 0.11205),
    "greek": (363, 0.11198, 0.10914),
    "hebrew": (100, 0.06188, 0.08619),
    "hexagram": (64, 0.28687, 0.13893),
    "lao": (65, 0.10479, 0.10484),
    "latin": (966, 0.11551, 0.10923),
    "lisu": (48, 0.10125, 0.09820),
    "mathematical": (123, 0.09958, 0.10278),
    "nko": (54, 0.06956, 0.08668),
    "ogham": (29, 0.14152, 0.10901),
    "old italic": (35, 0.10482, 0.10012),
    "playing card": (59, 0.28600, 0.14888),
    "tetragram": (81, 0.17517, 0.12562),
    "tifinagh": (55, 0.12015, 0.11205),
}


@pytest.fixture(scope="module")
def glyphs():
    return load_unicode_glyphs()


def _sha256(data):
    return hashlib.sha256(data).hexdigest()


def _row(glyphs, character):
    return int(np.flatnonzero(glyphs.codepoints == ord(character))[0])


def _family(glyphs, character):
    return glyphs.target_names[glyphs.target[_row(glyphs, character)]]


def test_shapes_and_dtypes_are_as_documented(glyphs):
    n = len(glyphs.target)
    assert n == 4202
    assert (glyphs.images.shape, glyphs.images.dtype) == ((n, 32, 32), np.uint8)
    assert (glyphs.image.shape, glyphs.image.dtype) == ((n, 388), np.float32)
    assert (glyphs.text.shape, glyphs.text.dtype) == ((n, 1190), np.float64)
    assert glyphs.texts.shape == (n,)
    assert glyphs.texts.dtype.kind == glyphs.target_names.dtype.kind == "U"
    assert glyphs.codepoints.dtype == glyphs.target.dtype == np.int64
    assert glyphs.image_feature_names.shape == (388,)
    assert glyphs.text_feature_names.shape == (1190,)


def test_names_code_points_and_families_are_always_the_same(glyphs):
    assert _sha256("\n".join(glyphs.texts).encode()) == (
        "af7b8ff632abcf9aa9dac767ade0e4d240ac80e3998ff233034f2d1ab3e67bf9"
    )
    assert _sha256(glyphs.codepoints.astype("<i8").tobytes()) == (
        "688c2a7c10eef39d2f0e63888b37d374cc9df1c0a06dae00b33e284631c63868"
    )
    assert _sha256(glyphs.target.astype("<i8").tobytes()) == (
        "1f3befd1d676ab650d24aec68ecd812ebe983b0e408c6621a2b08903f816cbbd"
    )
    assert _sha256("\n".join(glyphs.text_feature_names).encode()) == (
        "0e2b98e824f2a51f967f0dd125fe7873ce67518f9b43938fda1ab7dda6267e25"
    )


def test_sizes_and_ink_of_the_families_are_always_the_same(glyphs):
    assert glyphs.target_names.tolist() == list(SUMMARY)
    for k, (count, ink, feature) in enumerate(SUMMARY.values()):
        rows = glyphs.target == k
        assert rows.sum() == count >= 25
        assert_allclose(glyphs.images[rows].mean() / 255, ink, atol=1e-3)
        assert_allclose(glyphs.image[rows].mean(), feature, atol=1e-3)


@pytest.mark.parametrize(
    ("character", "row", "column", "grey"),
    [
        ("A", 5, 14, 86),
        ("g", 10, 12, 56),
        ("Ж", 5, 2, 75),
        ("ﺐ", 16, 24, 119),
        ("⠿", 11, 10, 89),
        ("╋", 13, 8, 65),
        ("🂡", 0, 5, 50),
        ("→", 11, 20, 147),
        ("䷀", 5, 6, 134),
    ],
)
def test_pixels_on_an_edge_have_their_grey_level(glyphs, character, row, column, grey):
    assert_allclose(glyphs.images[_row(glyphs, character), row, column], grey, atol=3)


@pytest.mark.parametrize(
    ("character", "column", "value"),
    [
        ("A", "ink_52", 0.67279),
        ("g", "ink_42", 0.64216),
        ("Ж", "ink_32", 0.77549),
        ("╋", "ink_43", 0.79583),
        ("🂡", "ink_54", 1.0),
        ("→", "ink_45", 0.82181),
    ],
)
def test_features_have_their_values(glyphs, character, column, value):
    column = glyphs.image_feature_names.tolist().index(column)
    assert_allclose(glyphs.image[_row(glyphs, character), column], value, atol=5e-3)


@pytest.mark.parametrize(
    ("character", "family", "text"),
    [
        ("A", "latin", "capital letter a"),
        ("ß", "latin", "small letter sharp s"),
        ("Ω", "greek", "capital letter omega"),
        ("א", "hebrew", "letter alef"),
        ("⠿", "braille", "dots-123456"),
        ("⇒", "arrow", "rightwards double"),
        ("⇄", "arrow", "rightwards over leftwards"),
        ("🂡", "playing card", "ace of spades"),
        ("┌", "box drawings", "light down and right"),
        ("😂", "face", "with tears of joy"),
        ("\N{MATHEMATICAL SANS-SERIF SMALL V}", "mathematical", "sans-serif small v"),
        ("ᐊ", "canadian syllabics", "a"),
    ],
)
def test_known_characters_have_their_family_and_text(glyphs, character, family, text):
    assert _family(glyphs, character) == family
    assert glyphs.texts[_row(glyphs, character)] == text


@pytest.mark.parametrize(
    "character",
    ["\N{BRAILLE PATTERN BLANK}", "\N{COMBINING LEFT ARROW ABOVE}", "ʰ", "1", "∫"],
    ids=unicodedata.name,
)
def test_characters_without_ink_or_family_are_left_out(glyphs, character):
    assert ord(character) not in glyphs.codepoints


def test_words_of_the_text_are_those_of_the_name_in_order(glyphs):
    for codepoint, text in zip(glyphs.codepoints, glyphs.texts, strict=True):
        name = iter(unicodedata.name(chr(codepoint)).lower().split())
        assert all(word in name for word in text.split())


def test_no_text_says_its_own_family(glyphs):
    for text, k in zip(glyphs.texts, glyphs.target, strict=True):
        assert glyphs.target_names[k] not in text.split()


def test_rows_are_ordered_by_code_point(glyphs):
    assert (np.diff(glyphs.codepoints) > 0).all()


def test_no_row_is_empty_on_either_side(glyphs):
    assert (glyphs.images.max(axis=(1, 2)) > 100).all()
    assert (glyphs.image.max(axis=1) > 0).all()
    assert (glyphs.text.sum(axis=1) > 0).all()
    assert all(glyphs.texts)


def test_text_stays_sparse_and_counts_words_and_digits(glyphs):
    assert sp.issparse(glyphs.text)
    assert glyphs.text.format == "csr"
    names = glyphs.text_feature_names
    for character, counts in (
        ("⠛", {"dots": 1, "1": 1, "2": 1, "4": 1, "5": 1}),
        ("🀷", {"horizontal": 1, "0": 3, "6": 1}),
        ("a", {"small": 1, "letter": 1, "a": 1}),
    ):
        row = glyphs.text[[_row(glyphs, character)]].toarray().ravel()
        got = {str(names[j]): int(row[j]) for j in np.flatnonzero(row)}
        assert got == counts


def test_features_lie_between_zero_and_one(glyphs):
    assert glyphs.image.min() >= 0
    assert glyphs.image.max() <= 1


def test_braille_pictures_show_one_blot_per_dot(glyphs):
    rows = np.flatnonzero(glyphs.target_names[glyphs.target] == "braille")
    for i in rows:
        n_blots = ndimage.label(glyphs.images[i] > 60)[1]
        assert n_blots == len(glyphs.texts[i].removeprefix("dots-"))


def test_braille_pictures_are_the_sum_of_their_dots(glyphs):
    single = [glyphs.images[_row(glyphs, chr(0x2800 + 2**k))] for k in range(8)]
    for pattern in (0x03, 0x5A, 0xC1, 0xFF):
        dots = [single[k] for k in range(8) if pattern >> k & 1]
        picture = glyphs.images[_row(glyphs, chr(0x2800 + pattern))]
        assert_array_equal(picture, np.sum(dots, axis=0))


def test_characters_keep_their_relative_size_and_place(glyphs):
    def ink_rows(character):
        return np.flatnonzero(glyphs.images[_row(glyphs, character)].max(axis=1) > 60)

    assert len(ink_rows("o")) < len(ink_rows("O"))
    assert ink_rows("ö")[0] < ink_rows("o")[0]
    assert ink_rows("p")[-1] > ink_rows("o")[-1]
    # The counter of a letter is paper: contours of opposite sense cut holes.
    assert glyphs.images[_row(glyphs, "O"), 15, 16] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_no_outline_is_cut_at_the_frame(seed):
    rng = np.random.default_rng(seed)
    for _ in range(50):
        vertices = rng.normal(0, 1500, (6, 2)) + rng.normal(0, 1500, 2)
        advance = rng.choice([0, 1200, 3000])
        scale, offset = _unicode_glyphs._placement(vertices, advance)
        placed = scale * vertices + offset
        assert placed.min() >= -1e-9
        assert placed.max() <= 32 + 1e-9


def test_pictures_show_the_exact_area_and_overlaps_stay_filled():
    square = np.array([[0, 0], [1000, 0], [1000, 900], [0, 900], [0, 0]], float)
    codes = np.array([1, 2, 2, 2, 79], np.uint8)
    twice = np.vstack([square, square]), np.tile(codes, 2), 1000
    once, overlap = _unicode_glyphs._rasterise([(square, codes, 1000), twice])
    assert_allclose(once.sum() / 255, 1000 * 900 * (32 / 2384) ** 2, rtol=0.01)
    assert (once == 255).sum() > 100
    assert_array_equal(overlap[once == 255], 255)
    assert_array_equal(overlap[once == 0], 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_histograms_equal_the_textbook_loop(seed):
    images = np.random.default_rng(seed).random((2, 32, 32)).astype(np.float32)
    expected = [_gradients_by_hand(image) for image in images]
    got = _unicode_glyphs._oriented_gradients(images)
    assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


def _gradients_by_hand(image):
    cells = np.zeros((4, 4, 9))
    padded = np.pad(image.astype(float), 1)
    for r in range(32):
        for c in range(32):
            dx = padded[r + 1, c + 2] - padded[r + 1, c]
            dy = padded[r + 2, c + 1] - padded[r, c + 1]
            angle = np.degrees(np.arctan2(dy, dx)) % 180 / 20
            low = int(np.floor(angle))
            for i in range(4):
                for j in range(4):
                    share = max(0, 1 - abs(r - 8 * i - 3.5) / 8)
                    share *= max(0, 1 - abs(c - 8 * j - 3.5) / 8)
                    vote = np.hypot(dx, dy) * share
                    cells[i, j, low % 9] += vote * (low + 1 - angle)
                    cells[i, j, (low + 1) % 9] += vote * (angle - low)
    blocks = []
    for i in range(3):
        for j in range(3):
            v = cells[i : i + 2, j : j + 2].ravel()
            v = np.minimum(v / np.sqrt(v @ v + 0.01), 0.2)
            blocks.append(v / np.sqrt(v @ v + 0.01))
    return np.concatenate(blocks)


def test_return_x_y_gives_both_modalities_and_the_labels(glyphs):
    image, text, target = load_unicode_glyphs(return_X_y=True)
    assert_array_equal(image, glyphs.image)
    assert (text != glyphs.text).nnz == 0
    assert_array_equal(target, glyphs.target)


def test_changing_the_result_does_not_change_the_next_one(glyphs):
    spoilt = load_unicode_glyphs()
    for key in ("images", "image", "texts", "codepoints", "target", "target_names"):
        spoilt[key][:] = spoilt[key][0]
    spoilt.text.data[:] = 7
    load_unicode_glyphs(return_X_y=True)[0][:] = 0
    fresh = load_unicode_glyphs()
    for key in ("images", "image", "texts", "codepoints", "target", "target_names"):
        assert_array_equal(fresh[key], glyphs[key])
    assert (fresh.text != glyphs.text).nnz == 0


def test_the_description_states_the_sizes(glyphs):
    assert ":Pairs: 4202" in glyphs.DESCR
    for family, (count, *_) in SUMMARY.items():
        assert f":{family}: {count}" in glyphs.DESCR
    for number in ("4202", "388", "1190", str(len(SUMMARY))):
        assert number in load_unicode_glyphs.__doc__


def test_another_font_is_refused(monkeypatch, tmp_path):
    font = tmp_path / "DejaVuSans.ttf"
    font.write_bytes(b"another font")
    monkeypatch.setattr(_unicode_glyphs, "_font_path", lambda: font)
    got = _sha256(b"another font")
    with pytest.raises(OSError, match=f"must be DejaVu Sans 2.37 .* Got {got}"):
        load_unicode_glyphs()


def test_a_missing_font_is_reported_with_its_path(monkeypatch, tmp_path):
    font = tmp_path / "DejaVuSans.ttf"
    monkeypatch.setattr(_unicode_glyphs, "_font_path", lambda: font)
    with pytest.raises(FileNotFoundError, match=r"Got no file at .*DejaVuSans\.ttf"):
        load_unicode_glyphs()


def test_missing_matplotlib_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-xmodal\[plot\]"'):
        load_unicode_glyphs()


def test_importing_the_module_does_not_import_matplotlib():
    source = Path(_unicode_glyphs.__file__).read_text(encoding="utf-8")
    assert "\nimport matplotlib" not in source
    assert "\nfrom matplotlib" not in source
