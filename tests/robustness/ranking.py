"""Metrics of both entrances, the scorers, and what belongs to them."""

from functools import partial

import numpy as np
import pandas as pd
from sklearn.preprocessing import FunctionTransformer

from sklearn_xmodal import metrics
from tests.robustness import containers, labels, values
from tests.robustness.case import Entry
from tests.robustness.containers import same
from tests.robustness.values import instead, wrong

_N_QUERIES, _N_GALLERY = 7, 9
_rng = np.random.default_rng(0)
#: Whole numbers with ties, that one byte holds.
Y_SCORE = _rng.integers(-9, 9, (_N_QUERIES, _N_GALLERY)).astype(float)
Y_TRUE = (_rng.random((_N_QUERIES, _N_GALLERY)) < 0.4).astype(int)
Y_TRUE[:, 0] = 1

#: Sparse input is refused where the whole matrix is needed.
NO_SPARSE = [
    wrong(change.name, change.apply)
    for change in containers.SPARSE
    if change.name != "csr of bools"
]
FRAMES = [c for c in containers.FRAMES if c.name != "DataFrame of sparse columns"]
MATRICES = [
    *values.NOT_NUMBERS,
    *values.NOT_A_MATRIX,
    *values.NOT_A_FRAME,
    *NO_SPARSE,
    wrong("csr with NaN", values.sparse_with(np.nan)),
]
SCORES = [
    *containers.ARRAYS,
    *containers.DTYPES,
    *FRAMES,
    *MATRICES,
    *values.OTHER_LENGTH,
    # Only the order counts.
    same("scale 1e300", lambda s: s * 1e300),
    same("scale 1e-300", lambda s: s * 1e-300),
    same("scale 1e-310", lambda s: s * 1e-310),
    same("exponential", lambda s: np.exp(s * 50)),
    same("scale 1e30 in float32", lambda s: (s * 1e30).astype(np.float32)),
    same("all negative", lambda s: s - 100),
    same("negative zeros", lambda s: np.where(s == 0, -0.0, s)),
    same("one huge", lambda s: np.where(s == s.max(), 1e308, s)),
]
RELEVANCE = [
    same("bool", lambda r: r.astype(bool)),
    same("float", lambda r: r.astype(float)),
    same("float16", lambda r: r.astype(np.float16)),
    same("uint8", lambda r: r.astype(np.uint8)),
    same("object", lambda r: r.astype(object)),
    same("list", lambda r: r.tolist()),
    same("list of bools", lambda r: r.astype(bool).tolist()),
    same("DataFrame", pd.DataFrame),
    same("DataFrame of bools", lambda r: pd.DataFrame(r.astype(bool))),
    same("nullable DataFrame", lambda r: pd.DataFrame(r).astype("Int64")),
    same("Fortran order", np.asfortranarray),
    same("strided", containers.strided),
    same("reversed view", containers.reversed_view),
    same("read-only", containers.read_only),
    same("masked array without mask", np.ma.masked_array),
    wrong("two", values.put(2)),
    wrong("minus one", values.put(-1)),
    wrong("a half", values.put(0.5, float)),
    wrong("signs", lambda r: 2 * r - 1),
    *MATRICES,
    *values.OTHER_LENGTH,
]
#: Of nDCG, which takes grades: two and a half are some.
GRADED = [c for c in RELEVANCE if c.name not in ("two", "a half")]
NO_RELEVANT = wrong(
    "a query without relevant items",
    lambda r: np.vstack([r[:-1], 0 * r[:1]]),
    words="relevant items",
)

NO_K = (0, -1, 1.5, 2.0, "3", True, [1], (1,), {}, Ellipsis, float("nan"))
KS = [
    same("numpy integer", np.int64),
    same("uint8", np.uint8),
    *[instead(repr(k), k) for k in NO_K],
]
OPTIONS = {
    "k": KS,
    "ties": [instead(repr(v), v) for v in ("best", "", None, 1, [], True)],
    "zero_division": [
        same("numpy float", lambda _: np.float32(0)),
        *[instead(repr(v), v) for v in ("warn", "", 0.5, -1, None, [], "nan", 2)],
    ],
    "denominator": [instead(repr(v), v) for v in ("max", "", None, 1, [])],
    "gain": [instead(repr(v), v) for v in ("log", "", None, 1, [])],
    "average": [],
}
#: Good values of the options.
GOOD = {"k": 3, "ties": "average", "zero_division": 0.0, "denominator": "min",
        "gain": "linear"}  # fmt: skip
FUNCTIONS = {
    "mean_average_precision_score": ("k", "ties", "zero_division", "denominator"),
    "mean_average_precision_at_r_score": ("ties", "zero_division"),
    "r_precision_score": ("ties", "zero_division"),
    "precision_at_k_score": ("k", "ties", "zero_division"),
    "recall_at_k_score": ("k", "ties", "zero_division"),
    "hit_rate_at_k_score": ("k", "ties", "zero_division"),
    "ndcg_at_k_score": ("k", "ties", "zero_division", "gain"),
    "mean_reciprocal_rank_score": ("k", "ties", "zero_division"),
}


def matrix_entries():
    for name, options in FUNCTIONS.items():
        yield Entry(
            name,
            getattr(metrics, name),
            {"y_true": Y_TRUE, "y_score": Y_SCORE, **{o: GOOD[o] for o in options}},
            {
                "y_true": GRADED if name == "ndcg_at_k_score" else RELEVANCE,
                "y_score": SCORES,
                **{o: OPTIONS[o] for o in options},
            },
        )
        yield Entry(
            f"{name}(raise)",
            partial(getattr(metrics, name), **({"k": 2} if "k" in options else {})),
            {"y_true": Y_TRUE, "y_score": Y_SCORE},
            {"y_true": [NO_RELEVANT]},
        )
    yield Entry(
        "median_rank_error",
        metrics.median_rank_error,
        {"y_true": Y_TRUE, "y_score": Y_SCORE, "ties": "average"},
        {"y_true": [*RELEVANCE, NO_RELEVANT], "y_score": SCORES,
         "ties": OPTIONS["ties"]},
    )  # fmt: skip
    yield Entry(
        "mean_precision_recall_curve",
        metrics.mean_precision_recall_curve,
        {"y_true": Y_TRUE, "y_score": Y_SCORE, "recall_levels": GOOD_LEVELS},
        {"y_true": [*RELEVANCE, NO_RELEVANT], "y_score": SCORES,
         "recall_levels": LEVELS},
    )  # fmt: skip


GOOD_LEVELS = np.array([0.0, 0.5, 1.0])
LEVELS = [
    same("list", list),
    same("float32", lambda x: x.astype(np.float32)),
    same("None", lambda _: None, lambda _: np.linspace(0, 1, 11)),
    wrong("above one", lambda x: x * 2),
    wrong("below zero", lambda x: x - 0.1),
    wrong("a matrix", lambda x: x[:, None]),
    wrong("no levels", lambda x: x[:0]),
    instead("a number", 0.5),
    instead("a string", "eleven"),
    *values.NOT_NUMBERS,
]

# Codes and labels

Z_QUERY = _rng.integers(-9, 9, (_N_QUERIES, 4)).astype(float)
Z_GALLERY = _rng.integers(-9, 9, (_N_GALLERY, 4)).astype(float)
Y_QUERY, Y_GALLERY = np.arange(_N_QUERIES) % 3, np.arange(_N_GALLERY) % 3
Y_INDICATOR = np.eye(3, dtype=int)[Y_GALLERY] | np.eye(3, dtype=int)[(Y_GALLERY % 2)]
CODES = [
    *containers.ARRAYS,
    *containers.DTYPES,
    *FRAMES,
    *MATRICES,
    *values.OTHER_LENGTH,
    # Only directions count.
    same("scale 1e200", lambda z: z * 1e200),
    same("scale 1e300", lambda z: z / 10 * 1e308),
    same("scale 1e-200", lambda z: z * 1e-200),
    same("scale 1e-300", lambda z: z * 1e-300),
    same("scale 1e30 in float32", lambda z: (z * 1e30).astype(np.float32)),
    same("scale 1e-30 in float32", lambda z: (z * 1e-30).astype(np.float32)),
    same("lengths of all sizes", lambda z: z * np.logspace(-100, 100, len(z))[:, None]),
    wrong("another width", lambda z: z[:, 1:]),
]
HASHED = [
    *labels.KINDS,
    *labels.WITHOUT_ORDER,
    *labels.MISSING,
    *labels.NO_LABELS,
    *labels.OTHER_LENGTH,
]
#: What is done to both, or it would be other labels.
RENAMED = [*labels.KINDS, *labels.WITHOUT_ORDER]
BAD = [*labels.MISSING, *labels.NO_LABELS, *labels.OTHER_LENGTH]

#: Scorers leave out what has no label.
SCORED = [
    *[c for c in HASHED if c not in labels.MISSING],
    *labels.UNLABELLED,
    *labels.NOT_ONE_LABEL,
]

MEMORY = [
    same("tiny", lambda _: 1e-6),
    same("integer", lambda _: 1),
    same("None", lambda _: None),
    *[instead(repr(v), v) for v in (0, -1.0, "lots", [1], float("nan"), {}, Ellipsis)],
]
JOBS = [
    same("two", lambda _: 2),
    same("more than queries", lambda _: 50),
    same("all", lambda _: -1),
    *[instead(repr(v), v) for v in (0, "two", 1.5, [1], {}, Ellipsis)],
]
METRICS = [
    instead(repr(v), v) for v in ("map", "", None, 3, [], "no such name", Ellipsis)
]
DIRECTIONS = [
    instead(repr(v), v) for v in ("both ways", "", None, 1, [], "image", Ellipsis)
]
GRADES = np.random.default_rng(1).integers(0, 4, (_N_GALLERY, _N_GALLERY))
np.fill_diagonal(GRADES, 3)
OF_GRADES = [
    *[c for c in RELEVANCE[: RELEVANCE.index(MATRICES[0])] if "bool" not in c.name
      and c.name not in ("two", "a half", "signs")],
    *[c for c in containers.SPARSE if "bool" not in c.name],
    *values.NOT_NUMBERS,
    *values.NOT_A_MATRIX,
    *values.OTHER_LENGTH,
    wrong("a column less", lambda r: r[:, 1:]),
    wrong("csr with NaN", values.sparse_with(np.nan)),
    instead("a word", "labels"),
    instead("labels that are not there", "jaccard"),
]  # fmt: skip
RANKED = {
    "metric": METRICS,
    "k": KS,
    "denominator": OPTIONS["denominator"],
    "ties": OPTIONS["ties"],
    "zero_division": OPTIONS["zero_division"],
    "working_memory": MEMORY,
    "n_jobs": JOBS,
}
RANKED_GOOD = GOOD | {
    "metric": "mean_average_precision",
    "working_memory": 1.0,
    "n_jobs": 1,
}


def code_entries():
    queries = {"Z_query": Z_QUERY, "Z_gallery": Z_GALLERY,
               "y_query": Y_QUERY, "y_gallery": Y_GALLERY}  # fmt: skip
    of_queries = {
        "Z_query": CODES,
        "Z_gallery": CODES,
        "y_query,y_gallery": RENAMED,
        "y_query": BAD,
        "y_gallery": BAD,
    }
    yield Entry("retrieval_score", metrics.retrieval_score, queries | RANKED_GOOD,
                of_queries | RANKED)  # fmt: skip
    yield Entry(
        "retrieval_score(labels of one side)",
        metrics.retrieval_score,
        queries,
        {"y_query": [instead("None", None)], "y_gallery": [instead("None", None)]},
    )
    yield Entry(
        "retrieval_precision_recall_curve",
        metrics.retrieval_precision_recall_curve,
        queries | {"recall_levels": GOOD_LEVELS, "working_memory": 1.0},
        of_queries | {"recall_levels": LEVELS, "working_memory": MEMORY},
    )
    pairs = {"Z_img": Z_GALLERY, "Z_txt": Z_GALLERY[::-1].copy(), "y": Y_GALLERY}
    of_pairs = {"Z_img": CODES, "Z_txt": CODES, "y": HASHED}
    yield Entry(
        "cross_modal_score",
        metrics.cross_modal_score,
        pairs | RANKED_GOOD | {"direction": "mean"},
        of_pairs | RANKED | {"direction": DIRECTIONS},
    )
    yield Entry(
        "mixed_gallery_score",
        metrics.mixed_gallery_score,
        pairs
        | {k: v for k, v in RANKED_GOOD.items() if k != "gain"}
        | {"query": "mean"},
        of_pairs
        | {name: cases for name, cases in RANKED.items() if name != "gain"}
        | {"query": [instead(repr(v), v) for v in ("both", "images", None, 1, [])]},
    )
    # Any number of each.
    of_one = [c for c in CODES if c.name not in ("a row less", "a row more", "one row")]
    yield Entry(
        "modality_gap_score",
        metrics.modality_gap_score,
        {"Z_img": Z_QUERY, "Z_txt": Z_GALLERY},
        {"Z_img": of_one, "Z_txt": of_one},
    )
    yield Entry(
        "cross_modal_score(indicator)",
        metrics.cross_modal_score,
        pairs | {"y": Y_INDICATOR},
        {"y": labels.INDICATORS},
    )
    yield Entry(
        "cross_modal_score(relevance)",
        partial(metrics.cross_modal_score, metric="ndcg_at_k"),
        {"Z_img": Z_GALLERY, "Z_txt": Z_GALLERY[::-1].copy(), "relevance": GRADES,
         "gain": "exponential"},
        {"relevance": OF_GRADES, "gain": OPTIONS["gain"]},
    )  # fmt: skip
    yield Entry(
        "cross_modal_score(groups)",
        metrics.cross_modal_score,
        {"Z_img": Z_GALLERY[Y_GALLERY], "Z_txt": Z_GALLERY, "groups": Y_GALLERY},
        {"groups": [c for c in HASHED if c.name != "bool"]},  # which are but two
    )
    yield Entry(
        "retrieval_report",
        partial(_report, metrics.retrieval_report),
        pairs | {"k": 3, "digits": 3, "target_names": None, "zero_division": "raise"},
        of_pairs
        | {
            "k": [
                same("tuple", lambda k: (k,)),
                same("list", lambda k: [k]),
                same("array", lambda k: np.array([k])),
                *[instead(repr(k), k) for k in (*NO_K, None, (0,), (1.5,))
                  if k not in ([1], (1,))],
            ],
            "target_names": [
                same("names", lambda _: ["a", "b", "c"]),
                same("array", lambda _: np.array(["a", "b", "c"])),
                *[instead(repr(v), v) for v in (["a"], list("abcd"), "ab", 3, [])],
            ],
            "zero_division": [instead(repr(v), v) for v in (0.0, 1.0, "a", None)],
            "digits": [instead(repr(v), v) for v in (-1, "3", 2.5, None)],
        },
    )  # fmt: skip
    yield Entry(
        "generalized_retrieval_score",
        metrics.generalized_retrieval_score,
        pairs | {"seen_classes": np.array([0, 2]), "k": 3, "direction": "mean",
                 "metric": "mean_average_precision"},
        {
            "Z_img": CODES,
            "Z_txt": CODES,
            "y": BAD,
            "y,seen_classes": [c for c in RENAMED if c.name != "bool"],
            "seen_classes": [
                same("set in order", lambda s: s.tolist()),
                same("twice", lambda s: np.append(s, s)),
                same("more", lambda s: np.append(s, 9)),
                wrong("none of them", lambda s: s + 50),
                wrong("all of them", lambda s: [0, 1, 2]),
                wrong("strings", lambda s: s.astype(str)),
                wrong("no classes", lambda s: s[:0]),
                instead("a scalar", 0),
                instead("a string", "ab"),
                instead("None", None),
                wrong("a set", lambda s: set(s.tolist())),
                wrong("NaN", lambda s: [0, np.nan]),
            ],
            "k": KS,
            "direction": DIRECTIONS,
            "metric": [*METRICS, instead("median", "median_rank_error")],
        },
    )  # fmt: skip
    both = {"y_query": Y_QUERY, "y_gallery": Y_GALLERY}
    of_both = {"y_query,y_gallery": RENAMED}
    yield Entry(
        "relevance_from_labels",
        metrics.relevance_from_labels,
        both,
        of_both
        | {
            name: [c for c in BAD if c.name not in ("a label less", "a label more")]
            for name in both
        },
    )
    yield Entry(
        "chance_level",
        metrics.chance_level,
        both | {"metric": "mean_average_precision", "k": 3, "denominator": "min",
                "zero_division": 0.0},
        of_both
        | {
            name: [c for c in BAD if c.name not in ("a label less", "a label more")]
            for name in both
        }
        | {o: RANKED[o] for o in ("metric", "k", "denominator", "zero_division")},
    )  # fmt: skip


def _report(function, **arguments):
    report = function(**arguments, output_dict=True)
    function(**arguments)  # as text
    rows = list(report["metrics"].values())
    return [*rows, *[record["mean"] for record in report["classes"]]]


# Scorers

IDENTITY = FunctionTransformer()


def _score(X, y, metric, direction, k, denominator, ties, zero_division):
    scorer = metrics.make_retrieval_scorer(
        metric, direction=direction, k=k, denominator=denominator, ties=ties,
        zero_division=zero_division,
    )  # fmt: skip
    repr(scorer)
    return scorer(IDENTITY.fit(X), X, y)


def _score_by_name(scoring, X, y):
    scorer = metrics.get_retrieval_scorer(scoring)
    return scorer(IDENTITY.fit(X), X, y)


class _Seen(FunctionTransformer):
    classes_ = np.array([0, 2])


def _score_generalized(X, y, part, direction, metric, k):
    scorer = metrics.make_generalized_scorer(
        part, direction=direction, metric=metric, k=k
    )
    return scorer(_Seen().fit(X), X, y)


def scorer_entries():
    stacked = np.hstack([Z_GALLERY, Z_GALLERY[::-1]])
    data = {"X": stacked, "y": Y_GALLERY}
    codes = labels.renamed(
        [
            *containers.ARRAYS[:7],
            *containers.DTYPES,
            *FRAMES,
            wrong("odd width", lambda x: x[:, 1:]),
            wrong("NaN", values.put(np.nan)),
            wrong("no rows", lambda x: x[:0]),
        ],
        "transform|rows",
    )
    options = ("k", "denominator", "ties", "zero_division")
    yield Entry(
        "make_retrieval_scorer",
        _score,
        data | {o: GOOD[o] for o in options}
        | {"metric": "mean_average_precision", "direction": "mean"},
        {"X": codes, "y": SCORED, "metric": METRICS, "direction": DIRECTIONS}
        | {o: OPTIONS[o] for o in options},
    )  # fmt: skip
    names = ["", "accuracy", "map@0", "map@-1", "map@1.5", "recall", "MAP", "map@",
             "text_map", "neg_median_rank@5", "median_rank", "map@5 ", None, 3, 2.5,
             [], (), ["map", "no"], ["map", 3], [["map"]], {}, {"map"}, b"map",
             Ellipsis, True]  # fmt: skip
    yield Entry(
        "get_retrieval_scorer",
        _score_by_name,
        data | {"scoring": "map"},
        {
            "X": codes,
            "y": SCORED,
            "scoring": [
                same("list", lambda s: [s]),
                same("tuple", lambda s: (s,)),
                same("scorer", metrics.get_retrieval_scorer),
                *[instead(repr(name), name) for name in names],
            ],
        },
    )
    yield Entry(
        "make_generalized_scorer",
        _score_generalized,
        data | {"part": "harmonic_mean", "direction": "mean", "k": 3,
                "metric": "mean_average_precision"},
        {
            "X": codes,
            "y": [
                *[c for c in labels.UNLABELLED if c.name in labels.OF_NUMBERS],
                *labels.NOT_ONE_LABEL,
                *labels.NO_LABELS,
                *labels.OTHER_LENGTH,
            ],
            "part": [instead(repr(v), v) for v in ("both", "", None, 1, [], Ellipsis)],
            "direction": DIRECTIONS,
            "metric": [*METRICS, instead("median", "median_rank_error")],
            "k": KS,
        },
    )  # fmt: skip


ENTRIES = [*matrix_entries(), *code_entries(), *scorer_entries()]
