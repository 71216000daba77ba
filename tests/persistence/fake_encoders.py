"""Two encoders as files know them, in the place of those of the package."""

import os
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import sklearn_xmodal
from sklearn_xmodal.utils._entries import check_entries


class Line:
    """Multiplies with a matrix."""

    kind = "line"
    version = 2

    def __init__(self, weights):
        self.weights = weights

    def state(self):
        """Return what a file holds."""
        return {"weights": self.weights}

    @classmethod
    def from_state(cls, state, version):
        """Return what a file held."""
        check_entries(state, ["weights"])
        return cls(state["weights"])


class Twice:
    """Encodes what another one has encoded."""

    kind = "twice"
    version = 1

    def __init__(self, encoder):
        self.encoder = encoder

    def state(self):
        """Return what a file holds."""
        return {"encoder": self.encoder}

    @classmethod
    def from_state(cls, state, version):
        """Return what a file held."""
        check_entries(state, ["encoder"])
        return cls(state["encoder"])


ENCODERS = {"line": Line, "twice": Twice}


def install(patch):
    """Let files know these, and no others."""
    name = "sklearn_xmodal.encoders"
    module = types.ModuleType(name)
    module.ENCODERS = ENCODERS
    patch.setitem(sys.modules, name, module)


#: Neither of these can be imported where this has run.
BARE = textwrap.dedent(
    """
    import sys

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("torch", "sklearn", "skorch", "skops"):
                raise ImportError(f"{name} is not there")

    sys.meta_path.insert(0, Blocker())
    import numpy as np
    import pytest
    import sklearn_xmodal.persistence
    from sklearn_xmodal import load, save
    from tests.persistence import fake_encoders

    with pytest.MonkeyPatch.context() as patch:
        fake_encoders.install(patch)
        save(fake_encoders.Line(np.array([[1.0, 2.0]])), sys.argv[1])
        found = load(sys.argv[1])
    print(type(found).__name__, found.weights.tolist())
    assert not {"torch", "sklearn", "skorch", "skops"} & set(sys.modules)
    """
)


def run_bare(path):
    """Save and load an encoder in a process without torch and scikit-learn."""
    roots = Path(sklearn_xmodal.__file__).parents[1], Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", BARE, str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots))},
        capture_output=True,
        text=True,
        check=False,
    )
