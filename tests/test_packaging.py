"""The wheel holds the whole package and nothing else, and works on its own."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import pytest

import sklearn_xmodal

# What setuptools needs to see; the tests and the rest of a checkout come along
# to show that they stay outside.
INPUTS = ("pyproject.toml", "setup.cfg", "MANIFEST.in", "README.md", "LICENSE")
OTHERS = ("tests", "benchmarks", "docs", "examples")
#: Small parts of the suite that between them touch most subpackages.
OUTSIDE = (
    "tests/test_pairs.py",
    "tests/metrics/test_scorer_names.py",
    "tests/cross_decomposition/test_pls.py",
    "tests/deep/test_multilabel.py",
    "tests/cli/test_files.py",
)


def _run(*command, cwd, **variables):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archives(repository_root, tmp_path_factory):
    """Build the source archive, and the wheel from it, without the network."""
    if importlib.util.find_spec("build") is None:
        pytest.skip("needs the package build")
    source = tmp_path_factory.mktemp("source")
    for name in INPUTS:
        shutil.copy(repository_root / name, source / name)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("sklearn_xmodal", *OTHERS):
        if (repository_root / name).is_dir():
            shutil.copytree(repository_root / name, source / name, ignore=ignored)
    (source / "benchmarks").mkdir(exist_ok=True)
    (source / "benchmarks" / "__init__.py").touch()
    out = tmp_path_factory.mktemp("archives")
    command = ("-m", "build", "--no-isolation", "--outdir", str(out), str(source))
    _run(*command, cwd=source)
    return out


@pytest.fixture(scope="module")
def wheel(archives):
    """Return the path of the wheel."""
    (path,) = archives.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install the wheel into a folder of its own."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip")
    target = tmp_path_factory.mktemp("installed")
    options = ("--no-deps", "--no-index", "--quiet", "--target", str(target))
    _run("-m", "pip", "install", *options, str(wheel), cwd=target)
    return target


def _files_of_package(repository_root):
    return [
        path.relative_to(repository_root).as_posix()
        for path in (repository_root / "sklearn_xmodal").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def _names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_every_file_of_the_package_is_inside_and_nothing_else(wheel, repository_root):
    inside = [name for name in _names(wheel) if ".dist-info/" not in name]
    assert sorted(inside) == sorted(_files_of_package(repository_root))


def test_licence_and_command_are_inside(wheel):
    with zipfile.ZipFile(wheel) as archive:
        info = {
            name.split("/", 1)[1]: name for name in _names(wheel) if "-info/" in name
        }
        assert "licenses/LICENSE" in info
        commands = archive.read(info["entry_points.txt"]).decode()
        metadata = archive.read(info["METADATA"]).decode()
    assert "sklearn-xmodal = sklearn_xmodal.__main__:main" in commands
    assert "xmodal = sklearn_xmodal.__main__:xmodal" in commands.splitlines()
    assert f"\nVersion: {sklearn_xmodal.__version__}\n" in metadata
    assert "License-Expression: BSD-3-Clause" in metadata


def test_the_source_archive_holds_what_a_build_needs(archives, repository_root):
    (path,) = archives.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        files = [m.name.split("/", 1)[1] for m in archive if m.isfile()]
    inside = {f for f in files if ".egg-info/" not in f and f != "PKG-INFO"}
    assert inside == {*_files_of_package(repository_root), *INPUTS}


def test_every_module_is_imported_from_the_wheel(wheel, installed):
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in _names(wheel)
        if name.endswith(".py") and not name.endswith("__main__.py")
    ]
    code = (
        "import importlib\n"
        f"modules = [importlib.import_module(name) for name in {modules}]\n"
        "for module in modules:\n"
        f"    assert module.__file__.startswith({str(installed)!r}), module.__file__\n"
    )
    _run("-c", code, cwd=installed, PYTHONPATH=str(installed))


def test_the_command_of_the_wheel_runs(installed, tmp_path):
    script = installed / "bin" / "sklearn-xmodal"
    stdout = _run(script, "--version", cwd=tmp_path, PYTHONPATH=str(installed))
    assert stdout.strip() == sklearn_xmodal.__version__


@pytest.mark.thorough
def test_tests_pass_outside_the_checkout(installed, repository_root, tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(repository_root / "tests", tmp_path / "tests", ignore=ignored)
    # The settings of the checkout, but for the folder that it puts first.
    settings = tomllib.loads((repository_root / "pyproject.toml").read_text())
    lines = ["[pytest]"]
    for option in ("filterwarnings", "markers"):
        values = settings["tool"]["pytest"]["ini_options"][option]
        lines += [f"{option} =", *(f"    {value}" for value in values)]
    (tmp_path / "pytest.ini").write_text("\n".join(lines))
    where = (
        "import sklearn_xmodal, sys, pytest\n"
        f"assert sklearn_xmodal.__file__.startswith({str(installed)!r})\n"
        "sys.exit(pytest.main(sys.argv[1:]))"
    )
    command = ("-c", where, "-q", "--import-mode=importlib", "--all", *OUTSIDE)
    path = os.pathsep.join([str(installed), str(tmp_path)])
    stdout = _run(*command, cwd=tmp_path, PYTHONPATH=path)
    assert " passed" in stdout
    assert " failed" not in stdout
