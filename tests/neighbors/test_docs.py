"""The page on search says what is true: its blocks run and print what they show."""

import contextlib
import io
import re

BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def test_blocks_print_what_they_show(repository_root):
    text = (repository_root / "docs" / "search.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python")
    namespace = {}
    for code, expected in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, namespace)
        assert out.getvalue() == expected
