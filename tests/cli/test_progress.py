"""Signs of life while the command works."""

import io

import pytest

from sklearn_xmodal.cli import _main, _progress, main
from sklearn_xmodal.cli._progress import Progress


class Terminal(io.StringIO):
    """Where a bar may be drawn."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_from_inside_a_search_are_15_seconds_apart(clock, capsys):
    progress = Progress(3)
    progress.begin("MSLN")
    tell = progress.begin_fit(n_fits=7)
    for epoch in range(1, 41):
        clock[0] += 1
        tell(epoch, 40)
    progress.end("done")
    assert capsys.readouterr() == (
        "[1/3] MSLN: fit 1 of 7, epoch 15 of 40\n"
        "[1/3] MSLN: fit 1 of 7, epoch 30 of 40\n"
        "[1/3] MSLN: done\n",
        "",
    )


def test_fits_are_numbered_within_their_search(clock, capsys):
    progress = Progress(2)
    for title in ("a", "b"):
        progress.begin(title)
        for _ in range(2):
            tell = progress.begin_fit(n_fits=2)
            clock[0] += 20
            tell(1, 1)
    assert capsys.readouterr().out.splitlines() == [
        "[1/2] a: fit 1 of 2, epoch 1 of 1",
        "[1/2] a: fit 2 of 2, epoch 1 of 1",
        "[2/2] b: fit 1 of 2, epoch 1 of 1",
        "[2/2] b: fit 2 of 2, epoch 1 of 1",
    ]


def test_an_ended_search_leaves_no_epochs_on_the_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    progress = Progress(2)
    progress.begin("MSLN")
    progress.begin_fit(n_fits=7)(3, 40)
    progress.end("done")
    progress.begin("CCA")
    assert "epoch" not in terminal.getvalue().split("CCA")[-1]
    progress.close()


def test_a_terminal_has_a_bar_that_tells_of_epochs_and_no_lines(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    progress = Progress(1)
    progress.begin("MSLN")
    progress.begin_fit(n_fits=7)(3, 40)
    progress.end("done")
    progress.close()
    assert "MSLN:   0%" in terminal.getvalue()
    assert "fit 1 of 7, epoch 3 of 40" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_every_fit_of_a_network_is_told_of(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_progress, "_SECONDS_BETWEEN_LINES", 0)
    monkeypatch.setattr(_main, "QUICK", _main.QUICK._replace(max_steps=4))
    argv = ["--dataset", "synthetic", "--quick", "--methods", "msln"]
    assert main([*argv, "--protocol", "standard", "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    # Two candidates on two folds, then the better one on the whole training part.
    for fit in range(1, 6):
        assert f"split 1: fit {fit} of 5, epoch 1 of " in captured.out
    assert captured.err == ""
