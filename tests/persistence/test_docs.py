"""The page on files says what is true: its blocks run and print what they show."""

import contextlib
import io
import re

import pytest

BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def test_blocks_of_the_page_print_what_they_show(
    repository_root, tmp_path, monkeypatch
):
    pytest.importorskip("skops")
    pytest.importorskip("safetensors")
    page = (repository_root / "docs" / "persistence.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    assert len(blocks) == page.count("```python") == 2
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for code, expected in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, namespace)
        assert out.getvalue() == expected
