"""The wheel holds the whole package and nothing else, and works on its own."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

import sklearn_xmodal

# What setuptools needs to see; the tests and the rest of a checkout come along
# to show that they stay outside.
INPUTS = ("pyproject.toml", "setup.cfg", "README.md", "LICENSE")
OTHERS = ("tests", "benchmarks", "docs", "examples")


@pytest.fixture(scope="module")
def wheel(repository_root, tmp_path_factory):
    """Build a wheel from a copy of the sources, without the network."""
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
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    done = subprocess.run(
        [*command, "--outdir", str(out), str(source)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    return path


def _names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_every_file_of_the_package_is_inside_and_nothing_else(wheel, repository_root):
    inside = [name for name in _names(wheel) if ".dist-info/" not in name]
    package = repository_root / "sklearn_xmodal"
    expected = [
        path.relative_to(repository_root).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert sorted(inside) == sorted(expected)


def test_licence_and_command_are_inside(wheel):
    with zipfile.ZipFile(wheel) as archive:
        info = {
            name.split("/", 1)[1]: name for name in _names(wheel) if "-info/" in name
        }
        assert "licenses/LICENSE" in info
        commands = archive.read(info["entry_points.txt"]).decode()
        metadata = archive.read(info["METADATA"]).decode()
    assert "sklearn-xmodal = sklearn_xmodal.__main__:main" in commands
    assert f"\nVersion: {sklearn_xmodal.__version__}\n" in metadata
    assert "License-Expression: BSD-3-Clause" in metadata


def test_it_works_outside_the_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in _names(wheel)
        if name.endswith(".py") and not name.endswith("__main__.py")
    ]
    code = (
        "import importlib, sys\n"
        f"sys.path.insert(0, {str(tmp_path / 'unpacked')!r})\n"
        f"modules = [importlib.import_module(name) for name in {modules}]\n"
        "for module in modules:\n"
        f"    assert module.__file__.startswith({str(tmp_path)!r}), module.__file__\n"
        "from sklearn_xmodal import CCARetriever\n"
        "from sklearn_xmodal.datasets import make_paired_modalities\n"
        "data = make_paired_modalities(60, random_state=0)\n"
        "assert CCARetriever(2).fit(*data).score(*data) > 0.2\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
