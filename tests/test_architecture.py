"""Who may import whom, what an import costs, and how large things may grow."""

import ast
import configparser
import importlib
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from sklearn.base import TransformerMixin
from skorch import NeuralNet
from torch import nn

import sklearn_xmodal
from sklearn_xmodal.utils import _sklearn_compat

PACKAGE = Path(sklearn_xmodal.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
SUBPACKAGES = sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py"))
PARTS = {*SUBPACKAGES, *(path.stem for path in PACKAGE.glob("*.py"))}
SCRIPTS = {"__init__", "__main__", "_version"}
COMPAT = PACKAGE / "utils" / "_sklearn_compat.py"
SKORCH_COMPAT = PACKAGE / "deep" / "training" / "_skorch_compat.py"

# Part -> the parts it may import. Every part may import itself.
BOTTOM = {"utils", "_version", "encoders"}
MIDDLE = {"metrics", "model_selection", "datasets", "feature_extraction"}
ALLOWED = {
    "_version": set(),
    "utils": set(),
    # ImageTextPairs for models of other packages, when one of them is called.
    "encoders": {"pairs", "utils"},
    "pairs": {"utils"},
    **dict.fromkeys(MIDDLE, BOTTOM | {"pairs"}),
    "base": BOTTOM | {"metrics", "pairs"},
    "cross_decomposition": BOTTOM | {"base", "metrics", "model_selection", "pairs"},
    # Members are whatever the user brings.
    "ensemble": BOTTOM | {"base", "metrics", "pairs"},
    # linear_model and deep may use the canonical solver and its moments.
    "linear_model": BOTTOM | {"base", "cross_decomposition", "metrics", "pairs"},
    # What it compares with, and its default.
    "inspection": BOTTOM | {"cross_decomposition", "metrics", "pairs"},
    "neighbors": BOTTOM | {"base", "metrics", "pairs", "persistence"},
    "deep": BOTTOM
    | {"base", "cross_decomposition", "metrics", "model_selection", "pairs"},
    # Classes that files name are found among the public names.
    "persistence": BOTTOM | {"base"},
    # The methods that it compares; whatever else the user brings.
    "protocols": BOTTOM
    | {"cross_decomposition", "deep", "ensemble", "linear_model", "metrics"}
    | {"model_selection", "pairs"},
    "__init__": {"_version"},
    "report": BOTTOM | {"metrics", "protocols"},
    "cli": BOTTOM
    | MIDDLE
    | {"base", "inspection", "neighbors", "pairs", "persistence", "protocols"}
    | {"report", "__init__"},
    "__main__": {"cli"},
}
# What of deep the parts of deep may import that serve all its retrievers.
BELOW_RETRIEVERS = {
    "_layers": set(),
    "_msln_network": {"_layers"},
    "_arrays": {"training"},
    "blocks": {"_arrays", "_layers"},
    "training": {"_layers", "_msln_network"},
}
LIGHT = ["", ".metrics", ".model_selection", ".datasets", ".cross_decomposition",
         ".encoders", ".ensemble", ".feature_extraction", ".inspection",
         ".linear_model", ".neighbors", ".pairs", ".base", ".persistence",
         ".protocols", ".report", ".utils", ".cli"]  # fmt: skip


def _name(path):
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def _part(module):
    """First name below the package: ``sklearn_xmodal.deep._msln`` -> ``deep``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def _part_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imported(path):
    """All (module, name) that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def _own_parts(path):
    """Parts of the package that a file imports."""
    for module, name in _imported(path):
        if module == "sklearn_xmodal" and name in PARTS:
            yield name
        elif module.split(".")[0] == "sklearn_xmodal":
            yield _part(module)


def _run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


def test_every_part_but_the_networks_is_light():
    assert {part[1:] for part in LIGHT} | {"deep"} == {"", *PARTS} - SCRIPTS


# Each part by itself says which one is heavy.
@pytest.mark.parametrize(
    "parts",
    [
        LIGHT,
        *(pytest.param([part], marks=pytest.mark.thorough) for part in LIGHT),
    ],
    ids=lambda parts: "all" if len(parts) > 1 else parts[0] or "package",
)
def test_import_loads_nothing_heavy(parts):
    imports = ", ".join(f"sklearn_xmodal{part}" for part in parts)
    code = (
        f"import sys, {imports}\n"
        "heavy = {'torch', 'skorch', 'matplotlib', 'skops', 'onnx', 'faiss', 'pooch',\n"
        "         'skimage'}\n"
        "print(*heavy & set(sys.modules))"
    )
    done = _run(code)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_public_names_are_loaded_on_demand():
    code = (
        "import sys, sklearn_xmodal\n"
        "sklearn_xmodal.CCARetriever\n"
        "assert 'torch' not in sys.modules\n"
        "sklearn_xmodal.MSLNRetriever\n"
        "assert 'torch' in sys.modules"
    )
    done = _run(code)
    assert done.returncode == 0, done.stderr


def _offenders(found):
    """Return module -> what `found` finds in it, where it finds something."""
    return {_name(path): list(names) for path in MODULES if (names := found(path))}


def test_imports_point_downwards():
    unknown = {_part_of(path) for path in MODULES} - set(ALLOWED)
    assert unknown == set(), f"say in ALLOWED what {unknown} may import"

    def upwards(path):
        part = _part_of(path)
        return set(_own_parts(path)) - {part} - ALLOWED[part]

    assert _offenders(upwards) == {}


def test_every_file_may_import_only_what_is_below_it():
    below = {part: set(ALLOWED[part]) for part in ALLOWED}
    for _ in ALLOWED:
        for part, parts in below.items():
            below[part] = parts.union(*(below[p] for p in parts))
    assert [part for part in below if part in below[part]] == []


def test_only_deep_imports_torch():
    def torch(path):
        roots = {module.split(".")[0] for module, _ in _imported(path)}
        return _part_of(path) != "deep" and roots & {"torch", "skorch"}

    assert _offenders(torch) == {}


def test_layers_blocks_and_training_know_no_retriever():
    def upwards(path):
        part = (*path.relative_to(PACKAGE).with_suffix("").parts, "")[1]
        return _part_of(path) == "deep" and [
            module
            for module, _ in _imported(path)
            if part in BELOW_RETRIEVERS
            and module.startswith("sklearn_xmodal.deep")
            and (*module.split("."), "")[2] not in {part} | BELOW_RETRIEVERS[part]
        ]

    assert _offenders(upwards) == {}


def test_private_names_of_other_packages_stay_in_one_file():
    def private(path):
        return path != COMPAT and [
            f"{module}.{name}"
            for module, name in _imported(path)
            if module.split(".")[0] in ("sklearn", "scipy", "torch", "skorch", "numpy")
            and any(part.startswith("_") for part in [*module.split("."), name or ""])
        ]

    assert _offenders(private) == {}


def _is_private(name):
    return name.startswith("_") and not name.endswith("__")


def _theirs():
    """Private names that our classes inherit from those of other packages."""
    bases = (TransformerMixin, _sklearn_compat.BaseComposition, NeuralNet, nn.Module)
    inherited = {name for base in bases for name in dir(base) if _is_private(name)}
    # Set on instances, or looked up on them. What notebooks call is nobody's own.
    return (inherited - {"_repr_html_"}) | {
        "_metadata_request",
        "_sk_visual_block_",
        "_sklearn_output_config",
    }


def _ours(tree):
    """Private names that a file gives to something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _private_uses(tree, theirs):
    """Private names of attributes that a file reads, sets, defines or spells out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            yield node.attr
        elif isinstance(node, ast.FunctionDef) and _is_private(node.name):
            yield node.name
        elif isinstance(node, ast.Constant) and node.value in theirs:
            yield node.value


def test_private_attributes_of_other_packages_stay_in_two_files():
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
    theirs = _theirs()
    ours = {name for tree in trees.values() for name in _ours(tree)} - theirs
    # Format 1 wrote attributes by their names of then.
    ours_here = {PACKAGE / "persistence" / "_version_1.py": {"_sklearn_output_config"}}

    def private(path):
        if path in (COMPAT, SKORCH_COMPAT):
            return set()
        return (
            set(_private_uses(trees[path], theirs)) - ours - ours_here.get(path, set())
        )

    assert _offenders(private) == {}


@pytest.mark.parametrize("part", ["cross_decomposition", "metrics"])
def test_an_engine_has_one_door(part):
    door = importlib.import_module(f"sklearn_xmodal.{part}._engine")
    inside = re.compile(rf"sklearn_xmodal\.{part}(\.\w+)*\._engine")
    through = set()

    def past_the_door(path):
        if _part_of(path) == part:
            return []
        imported = {f"{module}.{name}" for module, name in _imported(path)}
        private = {name for name in imported if inside.match(name)}
        listed = private & {f"{door.__name__}.{name}" for name in door.__all__}
        through.update(name.rsplit(".", 1)[1] for name in listed)
        return private - listed

    assert _offenders(past_the_door) == {}
    assert through == set(door.__all__), "the door lists what others use, and no more"


def test_metrics_are_private_but_for_their_door():
    inside = re.compile(r"sklearn_xmodal\.metrics\.(?!_engine\b)(\w+\.)*_")

    def private(path):
        if _part_of(path) == "metrics":
            return []
        imported = (f"{module}.{name}" for module, name in _imported(path))
        return [name for name in imported if inside.match(name)]

    assert _offenders(private) == {}


def _below(root):
    """Path from a folder to each package in it, such as ``deep`` or ``deep/blocks``."""
    homes = [p.parent.relative_to(root) for p in root.rglob("__init__.py")]
    return sorted(home.as_posix() for home in homes if home.parts)


@pytest.mark.parametrize("name", _below(PACKAGE))
def test_subpackages_say_what_they_hold(name):
    module = importlib.import_module(f"sklearn_xmodal.{name.replace('/', '.')}")
    assert module.__doc__.strip().endswith(".")
    tree = ast.parse((PACKAGE / name / "__init__.py").read_text(encoding="utf-8"))
    kinds = {type(node) for node in tree.body}
    assert kinds <= {ast.Expr, ast.Import, ast.ImportFrom, ast.Assign}
    if kinds != {ast.Expr}:  # else its modules are imported one by one
        # Constants first, as ruff has them.
        in_order = sorted(module.__all__, key=lambda n: (not n.isupper(), n))
        assert module.__all__ == in_order
        assert [n for n in module.__all__ if not hasattr(module, n)] == []


def test_names_of_the_package_resolve_and_are_listed():
    names = sklearn_xmodal.__all__
    assert [n for n in names if not hasattr(sklearn_xmodal, n)] == []
    assert set(names) <= set(dir(sklearn_xmodal))
    assert len(names) == len(set(names))


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'sklearn_xmodal' has no attribute 'PCA'"):
        _ = sklearn_xmodal.PCA


def test_version_has_one_home():
    from sklearn_xmodal import _version

    assert sklearn_xmodal.__version__ == _version.__version__


def test_modules_are_short():
    lengths = {
        _name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in MODULES
        if path.name not in ("__init__.py", "__main__.py", "_version.py")
    }
    assert {name: n for name, n in lengths.items() if n > 700} == {}
    assert statistics.median(lengths.values()) <= 300


def _code_lines(function, source):
    """Lines of a function without blanks, comments and its docstring."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 0
    signature = range(function.lineno, function.body[0].lineno)
    lines = [*signature, *range(body[0].lineno, function.end_lineno + 1)]
    texts = (source[i - 1].strip() for i in lines)
    return sum(bool(text) and not text.startswith("#") for text in texts)


def test_functions_are_short():
    lengths = {}
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            # A constructor is as long as its list of parameters.
            if isinstance(node, ast.FunctionDef) and node.name != "__init__":
                key = f"{_name(path)}:{node.name}"
                lengths[key] = _code_lines(node, text.splitlines())
    long = {key: n for key, n in lengths.items() if n > 50}
    assert len(long) <= 0.02 * len(lengths), long


def test_setup_cfg_says_only_how_files_are_packed(repository_root):
    config = configparser.ConfigParser()
    config.read(repository_root / "setup.cfg")
    packing = {"options", "options.packages.find", "options.package_data"}
    assert set(config.sections()) <= packing
    allowed = {"packages", "include_package_data", "package_data", "zip_safe"}
    assert set(config["options"]) <= allowed


def test_every_setting_has_one_home(repository_root):
    project = tomllib.loads((repository_root / "pyproject.toml").read_text())
    assert "packages" not in project["tool"].get("setuptools", {})
    others = ["pytest.ini", "tox.ini", "ruff.toml", ".ruff.toml", "mypy.ini",
              ".flake8", "setup.py", ".coveragerc", "requirements.txt"]  # fmt: skip
    assert [name for name in others if (repository_root / name).exists()] == []
