"""A box that words are typed into: texts of the test part, and what they find."""

import io
import json
import re
from html import escape

import numpy as np

from sklearn_xmodal.report._pictures import as_image, data_uri
from sklearn_xmodal.report._sheets import Items, nearest

_MOST = 4000  # pictures or texts, which the page holds
_COLUMNS, _SIDE, _QUALITY, _N_FOUND = 64, 40, 60, 8


def search_box(run, data, name):
    """Return the HTML of a search among the pictures of a test part, if there are any.

    What every text finds is in the page: nothing is computed where it is read.
    """
    shown = Items(data, run.test_rows)
    if shown.pictures is None or shown.texts is None or len(run.test_rows) > _MOST:
        return ""
    image, text = run.codes
    queries = np.unique(shown.text, return_index=True)[1]
    found = nearest(text[queries], image, shown.picture, _N_FOUND)
    held = {
        "columns": _COLUMNS,
        "side": _SIDE,
        "names": [str(name) for name in shown.texts],
        "queries": [
            {
                "text": str(shown.texts[query]),
                "words": " ".join(re.findall(r"\w+", str(shown.texts[query]).lower())),
                "found": [[int(r), int(shown.is_right(query, r))] for r in rows],
            }
            for query, rows in zip(queries, found, strict=True)
        ],
    }
    # No text ends the element early.
    content = json.dumps(held, ensure_ascii=False).replace("<", "\\u003c")
    first = " ".join(re.findall(r"\w+", str(shown.texts[shown.draw(1)[0]]))[:2])
    return f"""<h3>Type words, see pictures</h3>
<div class="card search" data-sheet="{_sheet(shown.pictures)}">
<p class="small"><label for="search-{name}">Words of one of the {len(queries):,} texts
that training did not see:</label></p>
<input type="search" id="search-{name}" value="{escape(first)}" autocomplete="off">
<div class="answers" aria-live="polite"></div>
<script type="application/json">{content}</script>
</div>"""


def _sheet(pictures):
    """Return the address of one picture of all."""
    from PIL import Image

    n_rows = -(-len(pictures) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _SIDE, n_rows * _SIDE), "white")
    for place, picture in enumerate(pictures):
        image = as_image(picture).convert("RGB")
        image.thumbnail((_SIDE, _SIDE))
        row, column = divmod(place, _COLUMNS)
        sheet.paste(image, (column * _SIDE, row * _SIDE))
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=_QUALITY)
    return data_uri(file.getvalue(), "webp")
