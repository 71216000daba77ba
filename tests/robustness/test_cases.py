"""Cases of all tables: a right answer, or an error that names what is wrong."""

from collections import Counter
from itertools import chain

from tests.conftest import PATHS
from tests.robustness import (
    commands,
    estimators,
    methods,
    pairs,
    parameters,
    pictures,
    ranking,
    tools,
)
from tests.robustness.conftest import PROPERTY

#: Those in one line check their arguments with the same code.
TABLES = (
    (commands,),
    (estimators, methods, pairs),
    (parameters,),
    (ranking, pictures),
    (tools,),
)
ENTRIES = [[entry for table in tables for entry in table.ENTRIES] for tables in TABLES]
#: Entries of which the quick tier has all cases.
WHOLE = tuple(f"{name}{call}" for name in PATHS for call in ("()", ".fit"))


def every_case():
    """Return all cases."""
    return [case for entries in ENTRIES for entry in entries for case in entry.cases()]


def quick_cases():
    """Return cases by what they run through.

    All of the entries in `WHOLE`, and of whatever else there is every change of every
    argument once, and every entry at least once.
    """
    return list(chain.from_iterable(map(_quick_cases_of, ENTRIES)))


def _quick_cases_of(entries):
    shared, n_chosen = {}, Counter()
    for entry in entries:
        if entry.name in WHOLE:
            yield from entry.cases()
        else:
            for case in entry.cases():
                shared.setdefault((case.names, case.change.name), []).append(case)
    for cases in shared.values():
        case = min(cases, key=lambda case: n_chosen[case.entry.name])
        n_chosen[case.entry.name] += 1
        yield case
    for cases in shared.values():
        for case in cases:
            if not n_chosen[case.entry.name]:
                n_chosen[case.entry.name] += 1
                yield case


def pytest_generate_tests(metafunc):
    """Fill in the cases of the tier."""
    if "case" in metafunc.fixturenames:
        is_whole = metafunc.config.getoption("every_case")
        cases = every_case() if is_whole else quick_cases()
        metafunc.parametrize("case", cases, ids=str)


def test_the_answer_is_right_or_names_what_is_wrong(case, record_property):
    record_property(PROPERTY, str(case))
    case.check()


def test_cases_are_distinct_and_many():
    names = [str(case) for case in every_case()]
    assert len(set(names)) == len(names)
    assert len(names) >= 20_000


def test_the_quick_tier_has_every_entry_and_every_change_of_an_argument():
    chosen, cases = quick_cases(), every_case()
    assert {str(case) for case in chosen} <= {str(case) for case in cases}
    assert {_key(case) for case in chosen} == {_key(case) for case in cases}
    assert {case.entry.name for case in chosen} == {case.entry.name for case in cases}


def _key(case):
    return case.names, case.change.name
