"""`./check dist`: what a stranger installs works, and each distribution is whole."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "build_distributions.py"


@pytest.fixture
def builder():
    import importlib.util

    specification = importlib.util.spec_from_file_location("build_distributions", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_every_distribution_is_built_whole_and_runs_from_its_wheel(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", str(SCRIPT), str(tmp_path / "dist")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    wheels = {file.name.split("-")[0] for file in (tmp_path / "dist").glob("*.whl")}
    assert len(wheels) == 1 + len(list(ROOT.glob("plugins/*/pyproject.toml")))


def wheel(folder, *names):
    file = folder / "acme-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return file


def test_a_wheel_without_types_or_metadata_or_with_tests_is_noticed(builder, tmp_path):
    good = ("acme/__init__.py", "acme/py.typed", "acme-1.0.dist-info/METADATA")

    assert list(builder.lacks(wheel(tmp_path, *good))) == []
    assert "no py.typed" in next(builder.lacks(wheel(tmp_path, good[0], good[2])))
    assert "no metadata" in next(builder.lacks(wheel(tmp_path, *good[:2])))
    assert "tests" in next(builder.lacks(wheel(tmp_path, *good, "tests/test_x.py")))


def test_the_core_has_an_extra_for_every_plugin(builder, tmp_path):
    lacking = [line for line in builder.complete(tmp_path) if "extra" in line]

    assert lacking == []
