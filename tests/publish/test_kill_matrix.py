"""The last good file survives every kill, and every failing system call."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("kill_harness.py")

pytestmark = pytest.mark.filterwarnings("default:ptrace is not permitted")


def run_harness(folder, part, engine, *numbers):
    command = [sys.executable, str(HARNESS), str(folder), part, engine, *map(str, numbers)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    if result["engine"] != engine:
        text = f"ptrace is not permitted here: {part} between operations instead of at system calls"
        warnings.warn(text, stacklevel=2)
    return result


@pytest.mark.parametrize("engine", ["ptrace", "layer"])
def test_a_reader_finds_a_whole_document_whenever_the_writer_is_killed(tmp_path, engine):
    result = run_harness(tmp_path, "kills", engine, 1, 17, 20)
    assert result["everywhere"] >= 15
    assert result["chain"] >= 10


@pytest.mark.parametrize("engine", ["ptrace", "layer"])
def test_a_writer_tells_the_truth_whenever_a_call_fails(tmp_path, engine):
    result = run_harness(tmp_path, "errors", engine, 23)
    assert result["unchanged"] >= 20
    assert result["published"] >= 1


@pytest.mark.parametrize("engine", ["ptrace", "layer"])
def test_the_harness_sees_what_a_writer_in_place_tears(tmp_path, engine):
    command = [sys.executable, str(HARNESS), str(tmp_path), "control", engine]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert run.returncode == 1
    assert "the document is neither the old nor the new one" in run.stderr


@pytest.mark.slow
def test_more_than_a_thousand_kills_at_every_system_call_tear_nothing(tmp_path):
    result = run_harness(tmp_path, "kills", "ptrace", 2, 1, 1500)
    assert result["everywhere"] + result["chain"] >= 1000
    assert result["everywhere"] >= 150


@pytest.mark.slow
def test_more_than_a_thousand_kills_between_operations_tear_nothing(tmp_path):
    result = run_harness(tmp_path, "kills", "layer", 3, 1, 1500)
    assert result["everywhere"] + result["chain"] >= 1300


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ptrace", "layer"])
def test_every_error_at_every_call_leaves_the_old_or_the_new_document(tmp_path, engine):
    result = run_harness(tmp_path, "errors", engine, 1)
    assert result["unchanged"] >= 600
    assert result["in place"] >= 4 * 5
