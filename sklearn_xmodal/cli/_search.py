"""``xmodal search``: find items of a gallery by features or by words."""

import csv
import sys

import numpy as np

from sklearn_xmodal.base import encoder_of
from sklearn_xmodal.cli._columns import as_ids, as_words, settle_names
from sklearn_xmodal.cli._data import Files, check_features
from sklearn_xmodal.cli._errors import CommandError, told
from sklearn_xmodal.cli._options import add_table_options, path_of_file, positive_int
from sklearn_xmodal.cli._tables import suffix_of
from sklearn_xmodal.neighbors import RetrievalIndex
from sklearn_xmodal.persistence import load

_DESCRIPTION = """\
Find what suits a query, the best first. FILE is a model from xmodal fit (or from
sklearn_xmodal.save), with a gallery beside it, or an index that holds its own.
"""
_EPILOG = """\
examples:
  xmodal search my.xmodal --image photos.npy --query-text queries.npy
      five photos for every row of text features: of texts that the model was not
      fitted to, since its own are found too easily to tell anything
  xmodal search my.xmodal --image photos.csv --query "red car" "a dog on grass"
      by words, if the model has learnt from words; the id column of the gallery, or
      --ids, names the photos
  xmodal search my.xmodal --image photos.npy --ids names.csv --save-index photos.xmodal
      keeps the gallery, with the model, in one file
  xmodal search my.xmodal --image photos.npy --show photos.csv:path --query "red car"
      writes the path of each photo beside its row number
  xmodal search photos.xmodal --query "red car" -k 10 --out found.csv

exit status:
  0 done, 2 something must be mended (one line says what), 130 interrupted by Ctrl-C
"""
_GALLERIES = ("image", "text", "words")
_MOST_SHOWN = 10  # queries
_QUERIES = ("query", "query_words", "query_image", "query_text")


def _add_options(parser):
    parser.add_argument("file", metavar="FILE", help="a saved model or index")
    gallery = parser.add_argument_group("gallery, unless FILE is an index")
    items = {
        "image": "features of images",
        "text": "features of texts",
        "words": "texts as they are, for a model that takes words",
    }
    for name, what in items.items():
        gallery.add_argument(f"--{name}", metavar="FILE[:KEY]", help=what)
    gallery.add_argument(
        "--ids",
        metavar="FILE[:KEY]",
        help="names of the items, all different (default: the id column of the "
        "gallery, or row numbers)",
    )
    gallery.add_argument(
        "--show",
        metavar="FILE[:KEY]",
        help="what to write beside the ids of what is found, such as captions or paths "
        "of pictures; it may repeat (default: the texts of --words)",
    )
    gallery.add_argument(
        "--save-index",
        type=path_of_file,
        metavar="FILE",
        help="where gallery and model go, for further searches",
    )
    query = parser.add_argument_group("queries")
    query.add_argument("--query", nargs="+", metavar="WORDS", help="each a query")
    query.add_argument(
        "--query-words", metavar="FILE[:KEY]", help="a file of such queries"
    )
    for name in ("image", "text"):
        query.add_argument(
            f"--query-{name}", metavar="FILE[:KEY]", help=f"{name} features, one a row"
        )
    query.add_argument(
        "-k",
        type=positive_int,
        default=5,
        metavar="N",
        help="items to find (default: 5)",
    )
    parser.add_argument(
        "--out",
        type=path_of_file,
        metavar="FILE.csv",
        help="also write query, rank, id, score and text of everything found: the "
        f"first {_MOST_SHOWN} queries are printed",
    )
    add_table_options(parser)


def _run(arguments):
    files = Files(arguments)
    with told(f"cannot load {arguments.file}"):
        model = load(arguments.file)
    index = model
    given = [name for name in (*_GALLERIES, "ids", "show") if getattr(arguments, name)]
    if not isinstance(model, RetrievalIndex):
        index = _index(model, arguments, files)
    elif given:
        raise CommandError(
            f"--{given[0]} and the like are for a model: {arguments.file} is an index, "
            "which has its gallery"
        )
    print(index, file=sys.stderr)
    if arguments.save_index:
        with told(f"cannot write {arguments.save_index}"):
            index.save(arguments.save_index)
        print(f"Wrote {arguments.save_index}", file=sys.stderr)
    if any(getattr(arguments, name) for name in _QUERIES):
        _answer(index, arguments, files)
    elif not arguments.save_index:
        raise CommandError(
            "give a query: --query WORDS, --query-words, --query-image or --query-text"
        )


def _index(model, arguments, files):
    """Return the index of a model and the gallery that the arguments name."""
    name = _the_one(arguments, _GALLERIES, "a model needs a gallery: give")
    with told(f"{arguments.file} holds no retriever"):
        encoder = encoder_of(model, "image" if name == "image" else "text")
    items, ids, payload = _items(encoder, getattr(arguments, name), name, files)
    n = len(items) if isinstance(items, list) else items.shape[0]
    if arguments.show:
        payload = _one_each(arguments.show, "show", n, files)
    if arguments.ids:
        ids = _one_each(arguments.ids, "ids", n, files)
        if len(set(ids)) < len(ids):
            again = next(id_ for id_ in ids if ids.count(id_) > 1)
            raise CommandError(
                f"--ids {arguments.ids} must name every item differently: got "
                f"{again!r} more than once. --show {arguments.ids} writes it beside "
                "row numbers"
            )
    modality = "image" if name == "image" else "text"
    with told(f"--{name} {getattr(arguments, name)}"):
        return RetrievalIndex(model, **{modality: items}, ids=ids, payload=payload)


def _one_each(source, role, n, files):
    """Return one value per item of the gallery."""
    column = files.column(source, role)
    settle_names(column, n)
    return as_ids(column)


def _answer(index, arguments, files):
    """Search, print what is found, and write it."""
    name = _the_one(arguments, _QUERIES, "give one kind of query:")
    modality = "image" if name == "query_image" else "text"
    if name == "query":
        queries = names = arguments.query
        _check_takes_words(index.text_encoder, "--query")
    else:
        encoder = getattr(index, f"{modality}_encoder")
        role = name.replace("_", "-")
        queries, names, texts = _items(encoder, getattr(arguments, name), role, files)
        names = texts or names
    if name in ("query", "query_words"):
        _warn_of_unknown(index.text_encoder, queries)
    source = "" if name == "query" else f" {getattr(arguments, name)}"
    with told(f"--{name.replace('_', '-')}{source}"):
        result = index.search(**{modality: queries}, k=arguments.k)
    if arguments.k > (n_found := len(result.ids[0])):
        print(
            f"-k {arguments.k}: the gallery has {n_found:,} items, which are all found",
            file=sys.stderr,
        )
    frame = _rows(result, index, names)
    _print(frame, arguments.out or "--out FILE.csv")
    if arguments.out:
        with told(f"cannot write {arguments.out}"):
            _write(frame, arguments.out)
        print(f"Wrote {arguments.out}", file=sys.stderr)


def _the_one(arguments, names, what):
    """Return the one of some options that is given."""
    given = [name for name in names if getattr(arguments, name)]
    if len(given) != 1:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        got = " and ".join(f"--{name.replace('_', '-')}" for name in given) or "none"
        raise CommandError(f"{what} one of {options}, got {got}")
    return given[0]


def _items(encoder, source, role, files):
    """Return features or words of a file, ids where it has them, and the words."""
    _check_there(encoder, f"--{role}")
    if role.endswith("words"):
        _check_takes_words(encoder, f"--{role}")
        column = _settled(files.column(source, role))
        if line := column.describe():
            print(line, file=sys.stderr)
        words = as_words(column)
        return words, _different(column), words
    if role.endswith("text") and takes_words(encoder):
        raise CommandError(
            f"--{role} {source}: the model takes words, give --{role[:-4]}words"
        )
    features = files.features(source, role, at_least=1)
    if features.header is None:
        raise CommandError(
            f"the first row of {source} may be names of columns or numbers: say which "
            f"with --header {role}=yes or --header {role}=no"
        )
    features.settle(features.X.shape[0], files.id_column.get(role))
    if line := features.describe():
        print(line, file=sys.stderr)
    X = check_features(features.X, f"--{role} {source}", at_least=1)
    return X, features.ids, None


def _different(column):
    """Return the ids of texts; None, and why, where texts of one item share them."""
    if column.ids is None or len(set(column.ids)) == len(column.ids):
        return column.ids
    print(
        f"{column.source}: its ids repeat, so texts are called by row numbers.",
        file=sys.stderr,
    )
    return None


def _settled(column):
    """Refuse texts below what may be a name; all lines of a .txt file are texts."""
    if column.header is None and suffix_of(column.source) != ".txt":
        raise CommandError(
            f"{column.where}: {str(column.values[0])[:40]!r} may be the name of the "
            f"column or a text, say which with --header {column.role}=yes or --header "
            f"{column.role}=no, or give {column.source}:COLUMN"
        )
    return column


def takes_words(encoder):
    """Say whether an encoder takes texts as they are."""
    if encoder is None or encoder.n_features_in_ is not None:
        return False
    try:
        encoder(["some words"])
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _check_there(encoder, option):
    if encoder is None:
        raise CommandError(f"{option}: the index has no model to encode such items")


def _check_takes_words(encoder, option):
    _check_there(encoder, option)
    if not takes_words(encoder):
        raise CommandError(
            f"{option}: the model takes features of texts, not words. Give features "
            "(--query-text), or fit with --words"
        )


def _warn_of_unknown(encoder, queries):
    """Tell of texts that the model takes for empty."""
    *codes, empty = encoder([*queries, ""])
    unknown = np.isclose(codes, empty, rtol=1e-6).all(axis=1)
    for query, is_unknown in zip(queries, unknown, strict=True):
        if is_unknown:
            print(
                f"Warning: {query!r} tells the model nothing, since it has learnt none "
                "of these words: what is found does not depend on them.",
                file=sys.stderr,
            )


def _rows(result, index, names):
    """Return a list per query, of dicts with query, rank, id, score and text."""
    try:
        texts = index.get_payload(result.ids)
    except ValueError:  # it has none
        texts = None
    found = []
    for i, (scores, ids) in enumerate(zip(*result, strict=True)):
        name = i if names is None else names[i]
        rows = [
            {"query": name, "rank": rank, "id": id_, "score": float(score)}
            for rank, (score, id_) in enumerate(zip(scores, ids, strict=True), 1)
        ]
        if texts is not None:
            rows = [row | {"text": t} for row, t in zip(rows, texts[i], strict=True)]
        found.append(rows)
    return found


def _print(found, others):
    """Print what is found for the first queries, and where the others go."""
    for rows in found[:_MOST_SHOWN]:
        name = rows[0]["query"]
        print(name if isinstance(name, str) else f"query {name}")
        for row in rows:
            text = f"  {row['text']}" if "text" in row else ""
            print(f"{row['rank']:5}  {row['score']:.3f}  {row['id']}{text}")
    if len(found) > _MOST_SHOWN:
        n_more = len(found) - _MOST_SHOWN
        print(f"... and {n_more:,} more queries: {others} has all")


def _write(found, path):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0][0]))
        writer.writeheader()
        for rows in found:
            writer.writerows(rows)


COMMAND = (
    "find items by features or by words",
    _DESCRIPTION,
    _EPILOG,
    _add_options,
    _run,
)
