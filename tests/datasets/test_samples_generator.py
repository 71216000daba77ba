import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import poisson

from sklearn_xmodal import CCARetriever
from sklearn_xmodal.datasets import make_paired_modalities, make_paired_multilabel
from sklearn_xmodal.metrics import chance_level
from tests.conftest import SEEDS


def _canonical_correlations(X, Y):
    bases = [np.linalg.qr(Z - Z.mean(axis=0))[0] for Z in (X, Y)]
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_shapes_and_dtypes_follow_the_parameters(seed):
    X_img, X_txt, y, class_vectors = make_paired_modalities(
        31,
        n_classes=3,
        n_image_features=9,
        n_text_features=7,
        n_shared=5,
        n_image_private=4,
        n_text_private=0,
        random_state=seed,
        return_class_vectors=True,
    )
    assert X_img.shape == (31, 9)
    assert X_txt.shape == (31, 7)
    assert y.shape == (31,)
    assert class_vectors.shape == (3, 5)
    assert X_img.dtype == X_txt.dtype == class_vectors.dtype == np.float64
    assert y.dtype == np.int64


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_seeds_give_equal_data_and_others_do_not(seed):
    first = make_paired_modalities(random_state=seed)
    again = make_paired_modalities(random_state=seed)
    from_generator = make_paired_modalities(random_state=np.random.RandomState(seed))
    other = make_paired_modalities(random_state=seed + 100)
    for a, b, c, d in zip(first, again, from_generator, other, strict=True):
        assert_array_equal(a, b)
        assert_array_equal(a, c)
        assert not np.array_equal(a, d)


def test_a_seed_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_paired_modalities(random_state=0)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("return_class_vectors", [False, True])
def test_class_vectors_come_only_when_asked_for(return_class_vectors):
    result = make_paired_modalities(
        20, random_state=0, return_class_vectors=return_class_vectors
    )
    assert len(result) == 3 + return_class_vectors


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("n_samples", "n_classes"), [(5, 5), (23, 5), (100, 7)])
def test_all_classes_are_present_and_balanced(n_samples, n_classes, seed):
    y = make_paired_modalities(n_samples, n_classes=n_classes, random_state=seed)[2]
    counts = np.bincount(y, minlength=n_classes)
    assert counts.min() >= 1
    assert np.ptp(counts) <= 1


def test_fewer_pairs_than_classes_give_distinct_classes():
    y = make_paired_modalities(3, n_classes=5, random_state=0)[2]
    assert len(set(y.tolist())) == 3


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_are_in_random_order(seed):
    y = make_paired_modalities(200, random_state=seed)[2]
    assert not np.array_equal(y, np.arange(200) % 5)
    assert not np.array_equal(y, np.sort(y))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("class_sep", [0.0, 1.0])
@pytest.mark.parametrize("noise", [0.5, 1.5])
def test_canonical_correlations_follow_the_formula(seed, class_sep, noise):
    X_img, X_txt, _, class_vectors = make_paired_modalities(
        20_000,
        n_image_features=8,
        n_text_features=7,
        n_shared=3,
        class_sep=class_sep,
        noise=noise,
        random_state=seed,
        return_class_vectors=True,
    )
    cov = np.eye(3) + np.cov(class_vectors, rowvar=False, bias=True)
    v = np.linalg.eigvalsh(cov)[::-1]
    expected = np.zeros(7)
    expected[:3] = v / (v + noise**2)
    assert_allclose(_canonical_correlations(X_img, X_txt), expected, atol=0.035)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_noise_the_shared_correlations_are_one(seed):
    X_img, X_txt, _ = make_paired_modalities(
        300, n_image_features=6, n_text_features=6, noise=0, random_state=seed
    )
    rho = _canonical_correlations(X_img, X_txt)
    assert_allclose(rho[:4], 1)
    assert rho[4] < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_rank_without_noise_is_the_number_of_latent_dimensions(seed):
    X_img, X_txt, _ = make_paired_modalities(
        n_image_private=3, n_text_private=0, noise=0.0, random_state=seed
    )
    assert np.linalg.matrix_rank(X_img) == 7
    assert np.linalg.matrix_rank(X_txt) == 4


@pytest.mark.parametrize("seed", SEEDS)
def test_the_modality_gap_is_a_constant_offset_of_its_length(seed):
    plain = make_paired_modalities(random_state=seed)
    apart = make_paired_modalities(modality_gap=3.0, random_state=seed)
    for k in (0, 1):
        shift = apart[k] - plain[k]
        assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-12)
        assert_allclose(np.linalg.norm(shift[0]), 1.5)
    assert_array_equal(apart[2], plain[2])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_modality_gap_is_the_distance_of_the_two_latent_means(seed):
    sizes = {"n_image_features": 4, "n_text_features": 4, "noise": 0.0}
    sizes |= {"n_image_private": 0, "n_text_private": 0, "random_state": seed}
    plain = make_paired_modalities(**sizes)
    apart = make_paired_modalities(modality_gap=3.0, **sizes)
    # Nothing but a rotation lies between such modalities.
    turn = np.linalg.lstsq(plain[0], plain[1], rcond=None)[0]
    gap = (apart[0] @ turn - apart[1]).mean(axis=0)
    assert_allclose(np.linalg.norm(gap), 3.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_class_means_lie_where_the_class_vectors_are(seed):
    X_img, X_txt, y, class_vectors = make_paired_modalities(
        20_000, n_classes=4, random_state=seed, return_class_vectors=True
    )
    expected = np.linalg.norm(class_vectors[:, None] - class_vectors, axis=2)
    for X in (X_img, X_txt):
        means = np.array([X[y == k].mean(axis=0) for k in range(4)])
        distances = np.linalg.norm(means[:, None] - means, axis=2)
        assert_allclose(distances, expected, atol=0.1)


def test_class_sep_scales_the_class_vectors():
    vectors = [
        make_paired_modalities(
            10, class_sep=sep, random_state=0, return_class_vectors=True
        )[3]
        for sep in (0.0, 1.0, 4.0)
    ]
    assert_array_equal(vectors[0], np.zeros((5, 4)))
    assert_allclose(vectors[2], 4 * vectors[1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 0}, "n_samples must be at least 1. Got 0"),
        ({"n_classes": 0}, "n_classes must be at least 1. Got 0"),
        ({"n_shared": 0}, "n_shared must be at least 1. Got 0"),
        ({"n_image_private": -1}, "n_image_private must be at least 0. Got -1"),
        ({"n_text_private": -2}, "n_text_private must be at least 0. Got -2"),
        ({"n_image_features": 5}, r"n_image_features must be .* Got 5, fewer than 4"),
        ({"n_text_features": 0}, "n_text_features must be at least 1. Got 0"),
        ({"n_text_features": 5}, r"n_text_features must be .* Got 5, fewer than 4"),
        ({"class_sep": -1.0}, "class_sep must be finite and not negative. Got -1.0"),
        ({"noise": np.nan}, "noise must be finite and not negative. Got nan"),
        ({"modality_gap": np.inf}, "modality_gap must be finite .* Got inf"),
    ],
)
def test_values_out_of_range_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_paired_modalities(**parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 10.0}, "n_samples must be an int. Got 10.0"),
        ({"n_shared": "4"}, "n_shared must be an int. Got '4'"),
        ({"n_text_private": None}, "n_text_private must be an int. Got None"),
        ({"noise": "little"}, "noise must be a number. Got 'little'"),
    ],
)
def test_values_of_the_wrong_type_are_refused(parameters, message):
    with pytest.raises(TypeError, match=message):
        make_paired_modalities(**parameters)


class TestMultilabel:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_indicator_has_labels_in_range(self, seed):
        _, _, Y = make_paired_multilabel(400, n_classes=6, random_state=seed)
        assert Y.shape == (400, 6)
        assert set(np.unique(Y)) == {0, 1}
        assert Y.sum(axis=1).min() == 1
        assert 1.9 < Y.sum(axis=1).mean() < 2.6
        assert (Y.mean(axis=0) > 0.25).all()

    def test_shapes_and_dtypes_follow_the_parameters(self):
        X_img, X_txt, Y, vectors = make_paired_multilabel(
            31,
            n_classes=3,
            n_image_features=9,
            n_text_features=7,
            n_shared=5,
            n_image_private=4,
            n_text_private=0,
            random_state=0,
            return_class_vectors=True,
        )
        assert (X_img.shape, X_txt.shape) == ((31, 9), (31, 7))
        assert (Y.shape, vectors.shape) == ((31, 3), (3, 5))
        assert X_img.dtype == X_txt.dtype == vectors.dtype == np.float64
        assert Y.dtype == np.int64

    @pytest.mark.parametrize("allow_unlabeled", [False, True])
    @pytest.mark.parametrize("n_labels", [1, 2, 5, 60])
    def test_numbers_of_labels_are_poisson_within_their_range(
        self, n_labels, allow_unlabeled
    ):
        _, _, Y = make_paired_multilabel(
            20_000,
            n_classes=4,
            n_labels=n_labels,
            allow_unlabeled=allow_unlabeled,
            random_state=0,
        )
        expected = poisson(n_labels).pmf(np.arange(5))
        expected[0] *= allow_unlabeled
        got = np.bincount(Y.sum(axis=1), minlength=5) / len(Y)
        assert_allclose(got, expected / expected.sum(), atol=0.015)
        assert_allclose(Y.mean(axis=0), Y.mean(), atol=0.02)  # no class is preferred

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("n_labels", [1, 2])
    def test_pairs_that_share_a_label_find_each_other(self, n_labels, seed):
        X_img, X_txt, Y = make_paired_multilabel(
            500, n_classes=6, n_labels=n_labels, random_state=seed
        )
        train, test = slice(0, 300), slice(300, None)
        cca = CCARetriever().fit(X_img[train], X_txt[train])
        score = cca.score(X_img[test], X_txt[test], Y[test])
        # As a share of what chance leaves: with more labels more is relevant.
        chance = chance_level(Y[test], Y[test])
        assert (score - chance) / (1 - chance) > 0.3

    def test_unlabelled_pairs_only_where_allowed(self):
        _, _, Y = make_paired_multilabel(300, allow_unlabeled=True, random_state=0)
        assert Y.sum(axis=1).min() == 0

    def test_one_seed_gives_one_draw(self):
        one, same = (make_paired_multilabel(30, random_state=3) for _ in range(2))
        other = make_paired_multilabel(30, random_state=4)
        for a, b, c in zip(one, same, other, strict=True):
            np.testing.assert_array_equal(a, b)
            assert not np.array_equal(a, c)

    def test_features_are_means_of_class_vectors_seen_through_orthonormal_maps(self):
        X, _, Y, vectors = make_paired_multilabel(
            20_000,
            n_classes=3,
            noise=0,
            class_sep=4.0,
            random_state=0,
            return_class_vectors=True,
        )
        # Distances between means of label sets survive an orthonormal map.
        only = [X[(row == Y).all(axis=1)].mean(axis=0) for row in np.eye(3)]
        both = X[(Y == [1, 1, 0]).all(axis=1)].mean(axis=0)
        got = np.linalg.norm(only[0] - only[1])
        assert got == pytest.approx(np.linalg.norm(vectors[0] - vectors[1]), rel=0.05)
        np.testing.assert_allclose(both, (only[0] + only[1]) / 2, atol=0.2)

    @pytest.mark.parametrize(
        ("params", "error", "message"),
        [
            ({"n_labels": 0}, ValueError, "n_labels must be at least 1"),
            ({"n_labels": 1.5}, TypeError, "n_labels must be an int"),
            ({"n_image_features": 3}, ValueError, "n_image_features must be at least"),
            ({"noise": -1}, ValueError, "noise must be finite"),
        ],
        ids=str,
    )
    def test_what_is_refused(self, params, error, message):
        with pytest.raises(error, match=message):
            make_paired_multilabel(10, **params)
