"""Golden files: models as they were saved once, and what they must give for ever.

``python -m tests.persistence.golden`` writes those of `golden_models` and
`golden_indexes` that are missing, and never touches one that is there. A new format of
files gets a folder of its own, and the old ones stay.
"""

import json
from pathlib import Path

from sklearn_xmodal import ImageTextPairs, RetrievalIndex, ViewsModel, save
from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.encoders import Encoder
from sklearn_xmodal.persistence._container import FORMAT_VERSION
from tests.persistence.describe import describe, restore
from tests.persistence.golden_indexes import INDEXES
from tests.persistence.golden_models import MODELS

TABLES = {"models": MODELS, "indexes": INDEXES}
FOLDER = Path(__file__).with_name("golden")
#: Format of files that are written today -> what their names end in.
FORMATS = {
    "models": (f"models-{FORMAT_VERSION}", ".xmodal"),
    "indexes": (f"indexes-{FORMAT_VERSION}", ".index"),
}
_N_FOUND = 4


def path_of(kind, name):
    """Return where a model or an index of the tables lies."""
    folder, suffix = FORMATS[kind]
    return FOLDER / folder / f"{name}{suffix}"


def answers(obj, queries):
    """Return what is to be as it was: codes, or ids and scores of a search.

    Where there are more pairs or items, the object takes them in, and answers again.
    """
    if isinstance(obj, RetrievalIndex):
        return _search(obj, queries)
    found = _codes(obj, queries)
    if "more_image" in queries:
        more = (queries[f"more_{name}"] for name in ("image", "text", "labels"))
        go_on = obj.fit if getattr(obj, "warm_start", False) else obj.partial_fit
        go_on(*more)
        found["later"] = _codes(obj, queries)
        if hasattr(obj, "net_"):
            found["n_steps"] = _count_steps(obj.net_)
    return found


def _count_steps(net):
    """Return how many steps an optimiser knows of, if it is one that goes on."""
    state = net.optimizer_.state_dict()["state"] if net.continues else {}
    return sorted({int(of_weight["step"]) for of_weight in state.values()})


def _codes(obj, queries):
    if "X" in queries:
        return {"X": obj.transform(queries["X"])}
    sides = {name: queries[name] for name in ("image", "text") if name in queries}
    if isinstance(obj, ViewsModel):
        return {"views": obj.transform(list(sides.values()))}
    return {name: _codes_of(obj, name, X) for name, X in sides.items()}


def _codes_of(obj, side, X):
    if isinstance(obj, Encoder):
        return obj(X)
    if isinstance(obj, BaseRetriever):
        return getattr(obj, f"transform_{side}")(X)
    return getattr(obj.transform(ImageTextPairs(**{side: X})), side)


def _search(index, queries):
    sides = {k: X for k, X in queries.items() if k in ("image", "text", "vectors")}
    found = {name: _results(index, **{name: X}) for name, X in sides.items()}
    (name, X), *_ = sides.items()
    if index.labels is not None:
        of_one = index.labels[:1].tolist()
        found["of one label"] = _results(index, **{name: X}, labels=of_one)
    if index.modality == "both":
        found["of images"] = _results(index, **{name: X}, modality="image")
    if "payload" in queries:
        found["payload"] = index.get_payload(queries["payload"])
    if "more_vectors" in queries:
        index.add(vectors=queries["more_vectors"])
        found["later"] = _results(index, **{name: X})
    return found


def _results(index, **query):
    return index.search(**query, k=_N_FOUND)._asdict()


def expected_of(path):
    """Return what a golden file must be and answer, and to which queries."""
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def queries_of(expected):
    """Return the arrays that were asked."""
    return {name: restore(query) for name, query in expected["queries"].items()}


def found_in(obj, queries):
    """Return what an object is and answers, described as in a golden file."""
    return {"object": describe(obj), "answers": describe(answers(obj, queries))}


def write(path, obj, queries):
    """Save a model or an index, and beside it what it is and answers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save(obj, path)
    described = {name: describe(query) for name, query in queries.items()}
    expected = {"queries": described, **found_in(obj, queries)}
    text = json.dumps(expected, separators=(",", ":"))
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def write_missing():
    """Write what is in the tables and has no file, and return the new paths."""
    written = []
    for kind, table in TABLES.items():
        for name, make in table.items():
            path = path_of(kind, name)
            if not path.exists():
                write(path, *make())
                written.append(path)
    return written


if __name__ == "__main__":
    for new in write_missing():
        print(new)  # noqa: T201
