"""Records of an evaluation, as tables."""

import numpy as np

from sklearn_xmodal.utils._frames import as_frame
from sklearn_xmodal.utils._html import table

_SCORES = ("image_to_text", "text_to_image", "mean", "chance", "seen", "unseen")


class Records(list):
    """List of dicts, one per split and method, that notebooks show as tables."""

    def to_frame(self):
        """Return a pandas.DataFrame with a row per record."""
        return as_frame(list(self), "to_frame of records")

    def _repr_html_(self):
        protocols = dict.fromkeys(record["protocol"] for record in self)
        return "".join(map(self._table, protocols)) or "<p>No records.</p>"

    def _table(self, protocol):
        """Return means and deviations over the splits of one protocol."""
        own = [record for record in self if record["protocol"] == protocol]
        scores = [name for name in _SCORES if name in own[0]]
        rows = []
        for method in dict.fromkeys(record["method"] for record in own):
            of_method = [record for record in own if record["method"] == method]
            cells = [_cell([r[name] for r in of_method]) for name in scores]
            seconds = f"{np.mean([r['seconds'] for r in of_method]):.1f}"
            rows.append((method, *cells, seconds))
        n_splits = len({record["split"] for record in own})
        caption = f"mAP, {protocol} protocol, {n_splits} split{'s'[: n_splits > 1]}"
        if n_splits > 1:
            caption += ", mean ± standard deviation"
        heads = [name.replace("_", " ") for name in scores]
        return table(["method", *heads, "seconds"], rows, caption=caption)


def _cell(values):
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
