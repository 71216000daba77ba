"""The README says what is true: its blocks run, in order, and print what they show."""

import contextlib
import io
import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def test_readme_blocks_print_what_they_show():
    blocks = BLOCK.findall(README.read_text(encoding="utf-8"))
    assert len(blocks) == README.read_text(encoding="utf-8").count("```python")
    namespace = {}
    for code, expected in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, namespace)
        assert out.getvalue() == expected


def test_readme_names_every_public_name():
    import sklearn_xmodal
    from sklearn_xmodal import (
        datasets,
        encoders,
        feature_extraction,
        metrics,
        model_selection,
        neighbors,
        protocols,
    )

    text = README.read_text(encoding="utf-8")
    homes = (datasets, encoders, feature_extraction, metrics, model_selection)
    for module in (sklearn_xmodal, *homes, neighbors, protocols):
        for name in module.__all__:
            assert name == "__version__" or f"`{name}`" in text, name


def test_first_example_fits_fifteen_lines():
    code, _ = BLOCK.search(README.read_text(encoding="utf-8")).groups()
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
