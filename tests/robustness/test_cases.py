"""Every case of every table: a right answer, or an error that names what is wrong."""

import pytest

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

TABLES = (
    commands,
    estimators,
    methods,
    pairs,
    parameters,
    pictures,
    ranking,
    tools,
)
CASES = [case for table in TABLES for entry in table.ENTRIES for case in entry.cases()]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_answer_is_right_or_names_what_is_wrong(case, record_property):
    record_property(PROPERTY, str(case))
    case.check()


def test_the_campaign_holds_thousands_of_distinct_cases():
    names = [str(case) for case in CASES]
    assert len(set(names)) == len(names)
    assert len(names) >= 5000
