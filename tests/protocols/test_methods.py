"""Methods: what they build, and what they are tuned over."""

import pytest

from sklearn_xmodal import CCARetriever, KCCARetriever, MSLNRetriever
from sklearn_xmodal.protocols import (
    ALL_METHODS,
    FULL,
    METHODS,
    PROTOCOLS,
    Budget,
    Method,
)

CANDIDATES = [{"alpha": a} for a in (1, 2, 3)]


def test_the_last_candidates_are_kept():
    method = Method("CCA", CCARetriever(), CANDIDATES)
    assert method.candidates_for("standard", 2) == CANDIDATES[1:]
    assert method.candidates_for("extendable", 5) == CANDIDATES
    assert method.candidates_for("standard") == CANDIDATES


def test_unseen_classes_have_candidates_of_their_own():
    method = Method("CCA", CCARetriever(), CANDIDATES, unseen_candidates=[{}])
    found = [method.candidates_for(protocol, 3) for protocol in PROTOCOLS]
    assert found == [CANDIDATES, [{}], [{}]]


def test_an_estimator_is_cloned_and_gets_the_seed_if_it_has_one():
    kcca = KCCARetriever(alpha=7, random_state=5)
    made = Method("KCCA", kcca, [{}]).make_retriever(random_state=3)
    assert made is not kcca
    assert (made.alpha, made.random_state, kcca.random_state) == (7, 3, 5)
    plain = Method("CCA", CCARetriever(), [{}]).make_retriever(random_state=3)
    assert "random_state" not in plain.get_params()


def test_a_network_gets_the_length_of_the_budget():
    method = Method("MSLN", MSLNRetriever(max_steps=9), [{}])
    assert method.make_retriever(budget=Budget(max_steps=5)).max_steps == 5
    assert method.make_retriever().max_steps == 9


def test_a_callable_gets_seed_budget_and_protocol():
    method = Method("any", lambda *arguments: arguments, [{}])
    assert method.make_retriever("extendable", random_state=4) == (
        4,
        FULL,
        "extendable",
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_msln_is_told_which_classes_will_be_searched_for(protocol):
    made = METHODS["msln"].make_retriever(protocol, random_state=0)
    expected = {"standard": "seen", "extendable": "unseen", "generalized": "both"}
    assert (made.target_classes, made.random_state) == (expected[protocol], 0)


@pytest.mark.parametrize("name", ALL_METHODS)
def test_candidates_are_parameters_and_no_more_than_three(name):
    method = ALL_METHODS[name]
    for protocol in PROTOCOLS:
        candidates = method.candidates_for(protocol)
        assert 1 <= len(candidates) <= 3
        for candidate in [*candidates, method.while_tuning or {}]:
            made = method.make_retriever(protocol).set_params(**candidate)
            assert candidate.items() <= made.get_params().items()


def test_a_method_without_candidates_is_refused():
    with pytest.raises(ValueError, match=r"Got none for 'CCA'\. Use \[\{\}\]"):
        Method("CCA", CCARetriever(), [])


@pytest.mark.parametrize("candidates", [{"alpha": [1, 2]}, ["alpha"], None])
def test_a_grid_is_no_list_of_candidates(candidates):
    with pytest.raises(TypeError, match="list of dicts, one per candidate"):
        Method("CCA", CCARetriever(), candidates)


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="Got 'open'"):
        METHODS["cca"].candidates_for("open")
    with pytest.raises(ValueError, match="Got 'open'"):
        METHODS["cca"].make_retriever("open")


def test_every_retriever_is_a_method():
    """All public ones, but the bases and what wraps another model."""
    import sklearn_xmodal

    public = {
        n for n in sklearn_xmodal.__all__ if n.endswith(("Retriever", "RetrieverCV"))
    }
    made = {
        type(m.make_retriever(random_state=0)).__name__ for m in ALL_METHODS.values()
    }
    assert made == public - {"BaseRetriever", "ViewsRetriever", "VocabularyRetriever"}
