"""The table of planted faults fits the code as it is."""

import pytest

from tests.planted_faults import ROOT, mirrored_tests, read_faults

FAULTS = read_faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_still_applies(fault):
    text = (ROOT / fault.file).read_text(encoding="utf-8")
    planted = fault.planted_in(text)
    assert planted != text
    compile(planted, fault.file, "exec")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_runs_first_is_there(fault):
    for test in [*fault.first, *mirrored_tests(fault)]:
        path, *names = test.split("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert [name for name in names if name not in text] == []


def test_names_of_faults_are_distinct():
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names))
