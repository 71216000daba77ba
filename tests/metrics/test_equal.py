"""Which cosines count as equal, in every function that ranks codes."""

from fractions import Fraction

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import ortho_group

from sklearn_xmodal.metrics import (
    PrecisionAtKDisplay,
    RetrievalConfusionDisplay,
    RetrievedItemsDisplay,
    chance_level,
    cross_modal_score,
    mean_average_precision_score,
    retrieval_precision_recall_curve,
    retrieval_report,
    retrieval_score,
)
from sklearn_xmodal.metrics._engine import _equal
from tests.metrics import textbook
from tests.metrics.table import CASES

KINDS = ("signs", "integers", "scaled signs", "turned", "turned and scaled")
DTYPES = (np.float32, np.float64)


def _draw(seed):
    """Codes, the integers that they are made of, labels, and how to score them."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    dtype = DTYPES[seed // len(KINDS) % 2]
    n_components = int(rng.integers(1, 9 if "sign" in kind else 5))
    shapes = [(3, n_components), (int(rng.integers(2, 6)), n_components)]
    if "sign" in kind:
        integers = [rng.choice([-1, 1], size=shape) for shape in shapes]
    else:
        integers = [rng.integers(-2, 3, size=shape) for shape in shapes]
    codes = [Z.astype(np.float64) for Z in integers]
    if kind == "integers":
        codes = [Z * rng.integers(1, 9, size=(len(Z), 1)) for Z in codes]
    if "turned" in kind and n_components > 1:
        turn = ortho_group.rvs(n_components, random_state=rng)
        codes = [Z @ turn for Z in codes]
    if "scaled" in kind:
        codes = [Z * rng.lognormal(sigma=5, size=(len(Z), 1)) for Z in codes]
    y_query, y_gallery = rng.integers(2, size=3), rng.integers(2, size=len(codes[1]))
    y_gallery[:2] = 0, 1
    options = {
        "ties": ("average", "stable")[rng.integers(2)],
        "working_memory": (None, 1e-9)[rng.integers(2)],
        "n_jobs": None if seed % 20 else 2,
    }
    return [Z.astype(dtype) for Z in codes], integers, (y_query, y_gallery), options


def _true_ranks(query, gallery):
    """Places of the cosines among their distinct values, exact; the largest is best."""
    squares = []
    for item in gallery.tolist():
        product = sum(a * b for a, b in zip(query.tolist(), item, strict=True))
        length = sum(a * a for a in item)
        squares.append(Fraction(product * abs(product), max(length, 1)))
    distinct = sorted(set(squares))
    return np.array([distinct.index(square) for square in squares])


def _check_case(seed):
    codes, integers, (y_query, y_gallery), options = _draw(seed)
    case = CASES[seed // 10 % len(CASES)]
    got = retrieval_score(
        *codes,
        y_query,
        y_gallery,
        metric=case.name,
        average=False,
        **case.options,
        **options,
    )
    for query, label, value in zip(integers[0], y_query, got, strict=True):
        ranks = _true_ranks(query, integers[1])
        relevance = y_gallery == label
        if options["ties"] == "average":
            want = textbook.expected(case.loop, relevance, ranks, **case.options)
        else:
            order = np.argsort(-ranks, kind="stable")
            want = case.loop(relevance, order, **case.options)
        assert_allclose(value, want, rtol=1e-9, atol=1e-12, err_msg=f"seed {seed}")


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_equal_cosines_are_those_of_exact_fractions(start):
    for seed in range(start, start + 100):
        _check_case(seed)


@pytest.mark.thorough
@pytest.mark.parametrize("start", range(400, 10_000, 400))
def test_many_equal_cosines_are_those_of_exact_fractions(start):
    for seed in range(start, start + 400):
        _check_case(seed)


@pytest.mark.parametrize("y_gallery", [[1, 0], [0, 1]])
def test_two_items_at_right_angles_tie(y_gallery):
    got = retrieval_score([[1, 1]], [[-1, 1], [1, -1]], [1], y_gallery)
    assert got == 0.75


def _collapsed(dtype, n_components, n=60):
    """One direction of different lengths, and labels."""
    rng = np.random.default_rng(n_components)
    code = rng.normal(size=n_components)
    lengths = rng.lognormal(sigma=4, size=(2, n, 1))
    return (*(lengths * code).astype(dtype), np.arange(n) % 3)


@pytest.mark.parametrize("n_components", [1, 2, 37, 700])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_collapsed_embedding_is_at_chance_whatever_its_lengths(dtype, n_components):
    Z_img, Z_txt, y = _collapsed(dtype, n_components)
    report = retrieval_report(Z_img, Z_txt, y, output_dict=True)["metrics"]
    for values in report.values():
        assert_allclose(values["image_to_text"], values["chance"], rtol=1e-12)
    assert_allclose(cross_modal_score(Z_img, Z_txt), chance_level(range(60), range(60)))
    got = cross_modal_score(Z_img, Z_txt, y, metric=mean_average_precision_score)
    assert_allclose(got, chance_level(y, y))
    precision, _ = retrieval_precision_recall_curve(Z_img, Z_txt, y, y)
    assert_allclose(precision, 1 / 3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_displays_average_over_what_is_equal(dtype):
    Z_img, Z_txt, y = _collapsed(dtype, 37)
    codes = (Z_img, Z_txt, y)
    axes = Figure().subplots(3)
    confusion = RetrievalConfusionDisplay.from_predictions(*codes, k=7, ax=axes[0])
    assert_allclose(confusion.confusion, 1 / 3)
    cutoffs = PrecisionAtKDisplay.from_predictions(*codes, k=7, ax=axes[1])
    for precision in cutoffs.precision.values():
        assert_allclose(precision, 1 / 3)
    items = RetrievedItemsDisplay.from_predictions(*codes, k=7, queries=[5], ax=axes[2])
    assert_array_equal(items.retrieved, [np.arange(7)])


@pytest.mark.parametrize("ties", ["average", "stable"])
@pytest.mark.parametrize("kind", ["dense", "levels", "signs"])
def test_values_do_not_depend_on_how_they_are_computed(kind, ties):
    rng = np.random.default_rng(0)
    Z_query, Z_gallery = rng.normal(size=(2, 300, 24)).astype(np.float32)
    if kind == "levels":
        Z_query, Z_gallery = np.round(Z_query) / 3, np.round(Z_gallery) / 3
    if kind == "signs":
        Z_query, Z_gallery = np.sign(Z_query), np.sign(Z_gallery)
    y = np.arange(300) % 5
    order = rng.permutation(24)
    for labels in ((y, y), ()):
        options = {"ties": ties, "average": False}
        want = retrieval_score(Z_query, Z_gallery, *labels, **options)
        for query, gallery, more in [
            (Z_query, Z_gallery, {"working_memory": 1e-9}),
            (Z_query, Z_gallery, {"working_memory": 0.05, "n_jobs": 2}),
            (Z_query.astype(float), Z_gallery.astype(float), {}),
            (Z_query[:, order], Z_gallery[:, order], {}),
            (
                2.0**90 * Z_query,
                np.ldexp(Z_gallery, np.arange(300)[:, None] % 80 - 40),
                {},
            ),
        ]:
            got = retrieval_score(query, gallery, *labels, **options, **more)
            assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        (np.float32, 1e38),
        (np.float32, 1e-37),
        (np.float64, 1e200),
        (np.float64, 1e-300),
    ],
)
def test_numbers_at_the_ends_of_their_type_rank_like_others(dtype, scale):
    rng = np.random.default_rng(0)
    Z_query, Z_gallery = rng.uniform(-1, 1, size=(2, 40, 8)).astype(dtype)
    y = np.arange(40) % 3
    want = retrieval_score(Z_query, Z_gallery, y, y, average=False)
    large = (dtype(scale) * Z_query, dtype(scale) * Z_gallery)
    for pair in [(large[0], Z_gallery), (Z_query, large[1]), large]:
        assert_allclose(retrieval_score(*pair, y, y, average=False), want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("n_components", [2, 3, 12])  # long, some and short runs
@pytest.mark.parametrize("n_classes", [3, 25, 60])  # many and few relevant items
def test_groups_of_many_items_are_those_of_exact_fractions(
    n_classes, n_components, is_turned, dtype
):
    rng = np.random.default_rng(n_components)
    query = rng.integers(-2, 3, size=(4, n_components))
    gallery = rng.integers(-2, 3, size=(300, n_components))
    turn = ortho_group.rvs(n_components, random_state=rng) if is_turned else 1
    codes = [np.dot(Z, turn).astype(dtype) for Z in (query, gallery)]
    y_query, y_gallery = np.arange(4), rng.permutation(300) % n_classes
    labels = y_query % n_classes, y_gallery
    got = retrieval_score(*codes, *labels, ties="stable", average=False)
    for row, label, value in zip(query, labels[0], got, strict=True):
        order = np.argsort(-_true_ranks(row, gallery), kind="stable")
        want = textbook.average_precision(y_gallery == label, order)
        assert_allclose(value, want, rtol=1e-9)


def _groups(values, tolerance):
    """Starts of groups as the rule says it: one loop."""
    starts = []
    for i, value in enumerate(values):
        if not starts or value > values[starts[-1]] + tolerance:
            starts.append(i)
    return starts


@pytest.mark.parametrize("tolerance", [0, 1, 4, 30])
def test_groups_are_as_wide_as_the_tolerance_and_not_wider(tolerance):
    for seed in range(50):
        rng = np.random.default_rng(seed)
        values = np.sort(rng.integers(-60, 60, size=rng.integers(1, 50)))
        got = _equal.group_starts(values.astype(np.int32), tolerance)
        assert_array_equal(got, _groups(values.tolist(), tolerance))


@pytest.mark.parametrize("n_marked", [0, 2, 11])
@pytest.mark.parametrize("step", [1, 9])
def test_runs_around_a_few_places_are_those_of_a_whole_search(step, n_marked):
    n_long = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        values = np.sort(rng.integers(step * 60, size=(3, 60)).astype(np.int32), axis=1)
        marks = np.zeros(values.size, dtype=bool)
        marks[rng.permutation(values.size)[:n_marked]] = True
        marks[[0, -1]] |= seed % 2 == 1
        got = _equal.runs_around(values, np.flatnonzero(marks), 1, marks)
        if got is None:
            n_long += 1
            continue
        starts, stops = _equal.runs_of_several(values, 1)
        is_mixed = [
            0 < marks[start:stop].sum() < stop - start
            for start, stop in zip(starts, stops, strict=True)
        ]
        assert_array_equal(got, [starts[is_mixed], stops[is_mixed]])
        got = _equal.runs_of_several(values, 1, marks)
        assert_array_equal(got, [starts[is_mixed], stops[is_mixed]])
    assert n_long < 200
    assert (n_long > 0) == (step == 1)


@pytest.mark.parametrize("labels", ["classes", "pairs"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_chain_of_near_items_does_not_tie_as_a_whole(dtype, labels):
    # Each is nearer to the next than the tolerance; the rule in one loop.
    n = 400
    tolerance = 2.0**-22 if dtype == np.float32 else 2.0**-40
    step = tolerance / 3
    cosines = 0.5 + step * np.arange(n)[::-1]
    Z_gallery = np.column_stack([cosines, np.sqrt(1 - cosines**2)]).astype(dtype)
    if dtype == np.float64:
        Z_gallery[0, 0] = 0.1 + cosines[0] - 0.1  # no number of float32
    Z_query = np.tile([1.0, 0.0], (n, 1))
    y = np.arange(n) // 15 if labels == "classes" else np.arange(n)
    values = retrieval_score(Z_query, Z_gallery, y, y, metric="median_rank_error",
                             average=False)  # fmt: skip
    # Of neighbours, at most 5 are within a tolerance.
    first = (y if labels == "pairs" else 15 * y) + 1
    assert np.abs(values - first).max() <= 5
    assert np.abs(values - first).max() >= 0.5
