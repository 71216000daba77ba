"""Pictures of characters and their names: real pairs without a download."""

import functools
import hashlib
import unicodedata
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import Bunch

_SIDE = 32
_FONT_SHA256 = "3fdf69cabf06049ea70a00b5919340e2ce1e6d02b0cc3c4b44fb6801bd1e0d22"

# Words a name starts with -> family. They are taken out of the description.
_FIRST_WORDS = {
    "ARABIC": "arabic",
    "ARMENIAN": "armenian",
    "BOX DRAWINGS": "box drawings",
    "BRAILLE PATTERN": "braille",
    "CANADIAN SYLLABICS": "canadian syllabics",
    "CYRILLIC": "cyrillic",
    "DINGBAT": "dingbat",
    "DOMINO TILE": "domino",
    "GEORGIAN": "georgian",
    "GREEK": "greek",
    "HEBREW": "hebrew",
    "HEXAGRAM": "hexagram",
    "LAO": "lao",
    "LATIN": "latin",
    "LISU": "lisu",
    "MATHEMATICAL": "mathematical",
    "NKO": "nko",
    "OGHAM": "ogham",
    "OLD ITALIC": "old italic",
    "PLAYING CARD": "playing card",
    "TETRAGRAM": "tetragram",
    "TIFINAGH": "tifinagh",
}
# Words that decide wherever they stand, if the first words decide nothing.
_ANY_WORD = {"ARROW": "arrow", "ARROWS": "arrow", "FACE": "face"}
# Roles that characters of several families play, hence no family of their own.
_ROLES = {"COMBINING", "MODIFIER"}
_NO_INK = "BRAILLE PATTERN BLANK"

# "dots-1247" gives dots, 1, 2, 4, 7.
_TOKEN = r"[a-z]+|[0-9]"

# Font units: where the line box of the font starts below the baseline, its height.
_DESCENT, _LINE_HEIGHT = 483, 2384

_CELL, _N_BINS = 8, 9  # of the orientation histograms
_INK_CELL = 4

_DESCR = """\
.. _unicode_glyphs:

Unicode glyphs: pictures of characters and their names
------------------------------------------------------

Every character of Unicode has a picture, in any font that holds it, and a name
that describes it. The pair of both is an image with its caption, and the script
or symbol family it belongs to is its class. "Braille pattern dots-1247" is a
recipe for its picture; "Greek small letter alpha" can only be recognised by
those who have seen other letters with the words small, alpha or tonos.

**Characteristics**

:Pairs: {n_samples}
:Classes: {n_classes}
:Images: {side} x {side} grey levels, 0 (paper) to 255 (ink)
:Image features: {n_image}, dense, between 0 and 1
:Text features: {n_text}, sparse word counts
:Missing values: none

**Families**

{families}

**How it is made**

The characters are those of DejaVu Sans 2.37, a font that Matplotlib ships, whose
Unicode name shows their family: by its first words, or by the word *arrow*,
*arrows* or *face* anywhere. The words that show the family are taken out and the
rest, in lower case, is the text. Smaller families, combining marks and modifier
letters are left out, and so is the blank Braille pattern, which has no ink. Rows
are in the order of the code points.

All characters are drawn at one scale, in their place on the line: small letters
are smaller than capitals, an accent stays above, a Braille dot keeps its
column. Only characters too large for the frame are shrunk, and those that would
leave it are moved inside. The outlines are read in font units without hinting,
so the pictures do not depend on the machine.

The image features are histograms of oriented gradients [1]_ ({n_bins} unsigned
orientations, cells of {cell} x {cell} pixels, overlapping blocks of 2 x 2 cells,
L2-Hys normalisation; without the Gaussian window on the block), followed by the
mean ink of {ink_cell} x {ink_cell} pixel squares. The text features count the words
and single digits of the text. No row is empty, but some words occur in one text
alone. They are plain counts, in which nothing is learned from the rows; a
`TfidfTransformer` belongs in the Pipeline, where it is fitted on training rows.

Letters that look alike are different pairs: Latin A, Greek Alpha and Cyrillic A
share their picture, which puts a ceiling below 1 on retrieval by class.

**Licence**

The DejaVu fonts may be used, copied and redistributed, though not sold by
themselves. Their changes to the Bitstream Vera fonts are in the public domain;
Bitstream Vera and the glyphs taken from Arev stand under free licences of their
own, which Matplotlib ships beside the font (LICENSE_DEJAVU). The names are part
of the Unicode Character Database (Unicode License v3). They are read from
Python's `unicodedata` and never change once assigned.

.. [1] N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human
   Detection", CVPR 2005, doi 10.1109/CVPR.2005.177.
"""


def load_unicode_glyphs(*, return_X_y=False):
    """Load pictures of characters paired with their Unicode names.

    A real labelled data set of images and texts that needs no download: the
    picture is a character of the DejaVu Sans font that Matplotlib ships, the
    text is its Unicode name without the words that tell its script or symbol
    family, and the family is the class.

    =================   ==========================
    Classes                                     24
    Pairs                                     4202
    Image features       388, in [0, 1], dense
    Text features       1190, word counts, sparse
    =================   ==========================

    The texts are counts, not tf-idf weights, so that nothing is learned from
    rows that later serve as test rows: put a
    :class:`~sklearn.feature_extraction.text.TfidfTransformer` into the
    Pipeline. The result is the same on every machine.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(image, text, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : ndarray of shape (n_samples, 32, 32), dtype uint8
            The pictures, 0 is paper and 255 is ink.
        texts : ndarray of shape (n_samples,), dtype str
            The descriptions in lower case.
        codepoints : ndarray of shape (n_samples,), dtype int64
            The code points, in ascending order.
        image : ndarray of shape (n_samples, n_image_features), dtype float32
            Histograms of oriented gradients, then mean ink per square.
        text : sparse matrix in CSR format of shape (n_samples, \
n_text_features), dtype float64
            Counts of words and single digits.
        image_feature_names : ndarray of shape (n_image_features,)
            What each column of `image` is.
        text_feature_names : ndarray of shape (n_text_features,)
            The word that each column of `text` counts.
        target : ndarray of shape (n_samples,), dtype int64
            The family, as an index into `target_names`.
        target_names : ndarray of shape (n_classes,)
            The families in alphabetical order.
        DESCR : str
            The full description.

    (image, text, target) : tuple if ``return_X_y=True``
        Features of both modalities and the labels.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    OSError
        If the font of the installed Matplotlib is missing or another version.

    See Also
    --------
    load_emoji_pairs : Emoji, with features of trained encoders.
    make_paired_modalities : Synthetic pairs with known structure.

    Notes
    -----
    The image features follow N. Dalal and B. Triggs, "Histograms of Oriented
    Gradients for Human Detection", CVPR 2005.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import load_unicode_glyphs
    >>> glyphs = load_unicode_glyphs()
    >>> glyphs.images.shape, glyphs.image.shape
    ((4202, 32, 32), (4202, 388))
    >>> row = glyphs.codepoints.searchsorted(ord("ä"))
    >>> str(glyphs.texts[row]), str(glyphs.target_names[glyphs.target[row]])
    ('small letter a with diaeresis', 'latin')
    """
    codepoints, texts, families, images, features = _read_glyphs(_font_path())
    vectorizer = CountVectorizer(token_pattern=_TOKEN, dtype=np.float64)
    text = vectorizer.fit_transform(texts)
    target_names, target = np.unique(families, return_inverse=True)
    target = target.astype(np.int64)
    if return_X_y:
        return features.copy(), text, target
    return Bunch(
        images=images.copy(),
        texts=texts.copy(),
        codepoints=codepoints.copy(),
        image=features.copy(),
        text=text,
        image_feature_names=_image_feature_names(),
        text_feature_names=vectorizer.get_feature_names_out(),
        target=target,
        target_names=target_names,
        DESCR=_describe(target_names, target, features.shape[1], text.shape[1]),
    )


def _describe(target_names, target, n_image, n_text):
    """Fill the description with the sizes of what was loaded."""
    counts = np.bincount(target)
    return _DESCR.format(
        n_samples=len(target),
        n_classes=len(target_names),
        n_image=n_image,
        n_text=n_text,
        side=_SIDE,
        n_bins=_N_BINS,
        cell=_CELL,
        ink_cell=_INK_CELL,
        families="\n".join(
            f":{name}: {count}"
            for name, count in zip(target_names, counts, strict=True)
        ),
    )


def _font_path():
    """Path of DejaVu Sans within the installed Matplotlib."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "load_unicode_glyphs draws with Matplotlib, which is not installed. "
            'Install it with: pip install "sklearn-xmodal[plot]"'
        ) from error
    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


def _check_font(path):
    """Refuse a font that would give another data set."""
    advice = (
        "Some distributions replace the fonts of Matplotlib; the release from PyPI "
        "has the right one: pip install --force-reinstall matplotlib"
    )
    if not path.is_file():
        raise FileNotFoundError(
            f"The font DejaVu Sans 2.37 must be a file. Got no file at {path}. {advice}"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != _FONT_SHA256:
        raise OSError(
            f"The font must be DejaVu Sans 2.37 with SHA256 {_FONT_SHA256}. "
            f"Got {digest} for {path}. {advice}"
        )


@functools.lru_cache(maxsize=1)
def _read_glyphs(path):
    """Code points, texts, families, pictures and image features of the font."""
    _check_font(path)
    found = {}
    for codepoint, *outline in _iter_outlines(path):
        name = unicodedata.name(chr(codepoint), "")
        family, text = _split_name(name)
        if family is not None and name != _NO_INK:
            found[codepoint] = (text, family, outline)
    codepoints = np.array(sorted(found), dtype=np.int64)
    texts, families, outlines = zip(*(found[c] for c in sorted(found)), strict=True)
    images = _rasterise(outlines)
    ink = images.astype(np.float32) / 255
    features = np.hstack([_oriented_gradients(ink), _mean_ink(ink)])
    return codepoints, np.array(texts), np.array(families), images, features


def _split_name(name):
    """Split a Unicode name into family and description; family None if none."""
    for words, family in _FIRST_WORDS.items():
        if name.startswith(words + " "):
            return family, name[len(words) + 1 :].lower()
    words = name.split()
    families = [_ANY_WORD[word] for word in words if word in _ANY_WORD]
    if not families or words[0] in _ROLES:
        return None, ""
    return families[0], " ".join(w for w in words if w not in _ANY_WORD).lower()


def _iter_outlines(path):
    """Yield code point, vertices, path codes and advance width, in font units."""
    from matplotlib import ft2font

    if hasattr(ft2font, "LoadFlags"):
        no_hinting = ft2font.LoadFlags.NO_HINTING
    else:  # a plain constant before Matplotlib 3.10
        no_hinting = getattr(ft2font, "LOAD_NO_HINTING")  # noqa: B009
    font = ft2font.FT2Font(str(path))
    # At one pixel per font unit FreeType has nothing to round.
    font.set_size(font.units_per_EM, 72)
    for codepoint in font.get_charmap():
        glyph = font.load_char(codepoint, flags=no_hinting)
        yield codepoint, *font.get_path(), glyph.linearHoriAdvance / 65536


def _placement(vertices, advance):
    """Scale and offset that put an outline into the frame, origin below left.

    The line box of the font fills the height and the middle of the advance
    width is the middle of the frame. Outlines larger than the frame are shrunk,
    and what would leave it is moved inside.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    scale = _SIDE / max(_LINE_HEIGHT, (high - low).max())
    # Marks without advance hang over their neighbour: centre their ink.
    middle = advance / 2 if advance else (low[0] + high[0]) / 2
    offset = np.array([_SIDE / 2 - scale * middle, scale * _DESCENT])
    return scale, np.clip(offset, -scale * low, _SIDE - scale * high)


def _rasterise(outlines):
    """Draw outlines with exact coverage; (n, 32, 32) uint8, 255 is ink."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.path import Path as Outline
    from matplotlib.transforms import Affine2D

    n_columns = 64
    n_rows = -(-len(outlines) // n_columns)
    # One canvas for all: a canvas per glyph takes most of the time.
    canvas = RendererAgg(n_columns * _SIDE, n_rows * _SIDE, 72)
    pen = canvas.new_gc()
    pen.set_linewidth(0)
    pen.set_snap(False)
    for i, (vertices, codes, advance) in enumerate(outlines):
        # A closing vertex is a placeholder, not a point of the outline.
        scale, offset = _placement(vertices[codes != Outline.CLOSEPOLY], advance)
        row, column = divmod(i, n_columns)
        offset = offset + _SIDE * np.array([column, n_rows - 1 - row])
        transform = Affine2D().scale(scale).translate(*offset)
        canvas.draw_path(pen, Outline(vertices, codes), transform, (0, 0, 0))
    ink = np.asarray(canvas.buffer_rgba())[:, :, 3]
    tiles = ink.reshape(n_rows, _SIDE, n_columns, _SIDE).swapaxes(1, 2)
    return tiles.reshape(-1, _SIDE, _SIDE)[: len(outlines)].copy()


def _oriented_gradients(images):
    """Histograms of oriented gradients (Dalal and Triggs, CVPR 2005).

    Centred differences, votes of the gradient's length shared linearly between
    the neighbouring orientations and bilinearly between the neighbouring cells,
    blocks of 2 x 2 cells, each cut at 0.2 between two normalisations (L2-Hys).
    """
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    dx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    dy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    length = np.hypot(dx, dy)
    angle = np.mod(np.arctan2(dy, dx), np.pi) * (_N_BINS / np.pi)  # in bins

    n_cells = _SIDE // _CELL
    centres = (np.arange(n_cells) + 0.5) * _CELL - 0.5
    distance = np.abs(np.arange(_SIDE)[:, None] - centres) / _CELL
    share = np.maximum(0, 1 - distance).astype(np.float32)  # (side, n_cells)
    cells = np.empty((len(images), n_cells, n_cells, _N_BINS), np.float32)
    for b in range(_N_BINS):
        away = np.abs(angle - b)
        votes = length * np.maximum(0, 1 - np.minimum(away, _N_BINS - away))
        cells[..., b] = share.T @ votes @ share

    n = n_cells - 1
    blocks = np.concatenate(
        [cells[:, i : n + i, j : n + j] for i in (0, 1) for j in (0, 1)], axis=-1
    )
    return _unit(np.minimum(_unit(blocks), 0.2)).reshape(len(images), -1)


def _unit(blocks):
    """Scale blocks to length one; the constant keeps faint ones faint."""
    return blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 0.01)


def _mean_ink(images):
    """Mean over squares of 4 x 4 pixels; (n, 64)."""
    n = _SIDE // _INK_CELL
    squares = images.reshape(len(images), n, _INK_CELL, n, _INK_CELL)
    return squares.mean(axis=(2, 4)).reshape(len(images), -1)


def _image_feature_names():
    """Names of the columns, in the order of the features."""
    n_blocks = _SIDE // _CELL - 1
    gradients = [
        f"gradient_block{row}{column}_cell{cell}_{180 * b // _N_BINS}deg"
        for row in range(n_blocks)
        for column in range(n_blocks)
        for cell in ("00", "01", "10", "11")
        for b in range(_N_BINS)
    ]
    n_squares = range(_SIDE // _INK_CELL)
    ink = [f"ink_{row}{column}" for row in n_squares for column in n_squares]
    return np.array(gradients + ink)
