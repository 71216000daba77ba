"""What the command says of its tables."""

from types import SimpleNamespace

import pytest

from sklearn_xmodal.cli._report import format_conclusion


def runs_of(scores, protocol="standard", chance=0.1, n_test_classes=5):
    """One run per method and split; scores has a list of splits per method."""
    return [
        SimpleNamespace(
            protocol=protocol,
            split=split,
            method=method,
            mean=mean,
            chance=chance,
            n_test_classes=n_test_classes,
        )
        for method, means in scores.items()
        for split, mean in enumerate(means)
    ]


def conclude(scores, **options):
    """Return the conclusion in one line."""
    return " ".join(format_conclusion(runs_of(scores, **options)).split())


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (
            {"CCA": [0.3], "KCCA": [0.5], "MSLN": [0.4]},
            "KCCA leads with mAP 0.500, 5.0 times chance, ahead of MSLN (0.400).",
        ),
        ({"CCA": [0.3]}, "CCA has mAP 0.300, 3.0 times chance."),
        (
            {"CCA": [0.3001], "KCCA": [0.2999]},
            "CCA and KCCA are level with mAP 0.300, 3.0 times chance.",
        ),
        (
            {"CCA": [0.3], "KCCA": [0.3], "MSLN": [0.3]},
            "CCA, KCCA and MSLN are level with mAP 0.300, 3.0 times chance.",
        ),
        (
            {"CCA": [0.3], "KCCA": [0.3], "MSLN": [0.2]},
            "CCA and KCCA lead with mAP 0.300, 3.0 times chance, ahead of MSLN "
            "(0.200).",
        ),
        (
            {"CCA": [0.3], "KCCA": [0.2], "MSLN": [0.2]},
            "CCA leads with mAP 0.300, 3.0 times chance, ahead of KCCA and MSLN "
            "(0.200).",
        ),
        (
            {"CCA": [0.104], "KCCA": [0.09]},
            "CCA leads with mAP 0.104, about chance, ahead of KCCA (0.090).",
        ),
        (
            {"CCA": [0.08], "KCCA": [0.09]},
            "KCCA leads with mAP 0.090, below chance, ahead of CCA (0.080).",
        ),
    ],
    ids=[
        "one leads",
        "one method",
        "two level as printed",
        "three level",
        "two lead",
        "two behind",
        "at chance",
        "below chance",
    ],
)
def test_conclusion_says_who_leads_how_far_above_chance(scores, expected):
    assert conclude(scores) == f"On seen classes (one split) {expected}"


def test_conclusion_compares_with_chance_before_rounding():
    # 0.2106 of 0.1453 is 1.449, where 0.211 of 0.145 would be 1.455.
    assert ", 1.4 times chance" in conclude({"CCA": [0.2106]}, chance=0.1453)


def test_conclusion_of_several_splits_is_about_their_mean():
    # Ahead on the first split, behind in the mean.
    assert conclude({"CCA": [0.5, 0.1], "KCCA": [0.4, 0.4]}) == (
        "On seen classes (mean of 2 splits) KCCA leads with mAP 0.400, 4.0 times "
        "chance, ahead of CCA (0.300)."
    )


def test_conclusion_of_pairs_without_labels_speaks_of_pairs():
    assert conclude({"CCA": [0.9]}, chance=0.001, n_test_classes=None) == (
        "In paired retrieval (one split) CCA has mAP 0.900, 900.0 times chance."
    )


def test_conclusion_has_a_sentence_per_protocol_in_short_lines():
    scores = {"semantic matching": [0.5], "CCA": [0.3]}
    runs = runs_of(scores) + runs_of(scores, "extendable", chance=0.2)
    text = format_conclusion(runs)
    assert max(map(len, text.splitlines())) <= 88
    assert " ".join(text.split()) == (
        "On seen classes (one split) semantic matching leads with mAP 0.500, 5.0 times "
        "chance, ahead of CCA (0.300). On unseen classes (one split) semantic matching "
        "leads with mAP 0.500, 2.5 times chance, ahead of CCA (0.300)."
    )
