"""On what the figures were made."""

import json
import platform
from importlib.metadata import version

import joblib

from sklearn_xmodal import __version__

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "skorch")


def environment_record():
    """Return versions and size of the machine, nothing that names it."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "n_cpus": joblib.cpu_count(),
        # Its own version from the code: a checkout need not be installed.
        "packages": {name: version(name) for name in PACKAGES}
        | {"sklearn-xmodal": __version__},
    }


def write_environment(path):
    """Write the record as JSON."""
    path.write_text(json.dumps(environment_record(), indent=2) + "\n")
