"""Every target of `fuzz_targets` on its corpus and on mutants of it: nothing but documented errors."""

from __future__ import annotations

import importlib.util
import os
import time
from itertools import islice
from pathlib import Path

import pytest
from fuzz_mutation import inputs
from fuzz_targets import CORPUS, TARGETS, seeds

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"
SEED = int(os.environ.get("VARIANCE_FUZZ_SEED", "20260302"))
INPUTS = {
    "csv": 130,
    "payload": 200,
    "symbol": 1500,
    "document": 500,
    "configuration": 600,
    "dialect": 400,
    "env": 400,
}
# A fixed number, so that a run is as good as the last; `scripts/fuzz.py` looks on for as long as it is told.
INPUTS_WHEN_SLOW = 4_000
SECONDS_WHEN_SLOW = 60.0


def explore(name, count, seed=SEED, until=float("inf")):
    for number, data in enumerate(islice(inputs(seeds(name), seed), count)):
        if time.monotonic() > until:
            return
        try:
            TARGETS[name](data)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}, input {number}: {data!r}") from error


@pytest.mark.parametrize("name", list(TARGETS))
def test_any_bytes_end_in_an_answer_or_in_a_documented_error(name):
    explore(name, INPUTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", list(TARGETS))
def test_many_more_bytes_do_too(name):
    explore(name, INPUTS_WHEN_SLOW, SEED + 1, time.monotonic() + SECONDS_WHEN_SLOW / len(TARGETS))


def test_every_target_has_a_corpus_of_small_inputs():
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS) == set(INPUTS)
    for name in TARGETS:
        assert 3 <= len(seeds(name)) <= 60
        assert all(len(seed) <= 16_384 for seed in seeds(name))


@pytest.mark.parametrize("name", list(TARGETS))
def test_the_same_seed_gives_the_same_inputs(name):
    first, second = (list(islice(inputs(seeds(name), 5), 60)) for _ in range(2))

    assert first == second
    assert len(set(first[len(seeds(name)) :])) > 10
    assert first[-5:] != list(islice(inputs(seeds(name), 6), 60))[-5:]


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("fuzz_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_finds_what_a_target_raises_and_keeps_the_input(
    script, monkeypatch, tmp_path, capsys
):
    def broken(data):
        if b"\x00" in data:
            raise ZeroDivisionError

    monkeypatch.setitem(TARGETS, "symbol", broken)
    arguments = ["symbol", "--seconds", "0.5", "--findings", str(tmp_path)]

    assert script.main(arguments) == 1
    assert "1 different failures" in capsys.readouterr().out
    (kept,) = tmp_path.iterdir()
    with pytest.raises(ZeroDivisionError):
        script.main(["symbol", "--input", str(kept)])


def test_the_script_says_so_when_nothing_is_found(script, tmp_path, capsys):
    assert script.main(["symbol", "--seconds", "0.2", "--findings", str(tmp_path)]) == 0
    assert "0 different failures" in capsys.readouterr().out
    assert script.main(["nothing"]) == 2
