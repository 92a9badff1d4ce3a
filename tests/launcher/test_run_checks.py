"""./check: every step runs, the summary tells which failed, and the tests are counted."""

from __future__ import annotations

import json
import sys

import pytest


@pytest.fixture
def asked(run_checks, monkeypatch):
    """Parses a command line of ./check, outside continuous integration."""
    monkeypatch.delenv("CI", raising=False)

    def asked(*arguments):
        monkeypatch.setattr(sys, "argv", ["check", *arguments])
        return run_checks.arguments()

    return asked


@pytest.fixture
def outcome_of(run_checks, monkeypatch, capsys):
    """Runs steps made of Python programs; gives the exit code and the output's lines."""

    def outcome_of(**programs):
        made = [
            run_checks.Step(name, tuple((sys.executable, "-c", code) for code in codes))
            for name, codes in programs.items()
        ]
        monkeypatch.setattr(run_checks, "steps", lambda options, report: made)
        monkeypatch.setattr(sys, "argv", ["check"])
        code = run_checks.main()
        return code, capsys.readouterr().out.splitlines()

    return outcome_of


FAILS, PASSES = ("raise SystemExit(2)",), ("",)


def test_all_steps_passing_is_exit_code_0(outcome_of):
    assert outcome_of(lint=PASSES, tests=PASSES)[0] == 0


def test_a_failure_stops_no_later_step_and_the_summary_names_it(outcome_of):
    code, lines = outcome_of(lint=FAILS, types=PASSES, tests=FAILS)
    assert code == 1
    summary = lines[lines.index("== summary") + 1 :]
    assert [line.split()[:2] for line in summary] == [
        ["lint", "FAILED"],
        ["types", "passed"],
        ["tests", "FAILED"],
    ]


def test_each_command_of_a_step_runs_and_one_failure_fails_it(outcome_of, tmp_path):
    mark = tmp_path / "ran"
    code, _ = outcome_of(lint=(*FAILS, f"open({str(mark)!r}, 'w')"))
    assert code == 1
    assert mark.exists()


def test_no_step_named_means_all_and_the_tests_come_last(run_checks, asked, tmp_path):
    names = [step.name for step in run_checks.steps(asked(), tmp_path / "report")]
    assert [name for name in names if name != "docs"] == ["lint", "types", "tests"]


def test_only_the_steps_that_are_named_run(run_checks, asked, tmp_path):
    names = [step.name for step in run_checks.steps(asked("types", "lint"), tmp_path / "report")]
    assert names == ["lint", "types"]


def test_an_unknown_step_is_a_usage_error(asked, capsys):
    with pytest.raises(SystemExit, match="2"):
        asked("tset")
    assert "unknown step: tset" in capsys.readouterr().err


def test_the_fast_suite_is_the_rule_and_slow_proofs_run_on_demand(run_checks, asked, tmp_path):
    assert [
        command[command.index("-m", 3) + 1]
        for command in run_checks.pytest_commands(asked(), tmp_path)
    ] == ["not slow"]
    both = run_checks.pytest_commands(asked("--slow"), tmp_path)
    assert [command[command.index("-m", 3) + 1] for command in both] == ["not slow", "slow"]


def test_the_random_examples_of_a_commit_are_always_the_same(run_checks, asked, tmp_path):
    seed = f"--hypothesis-seed={run_checks.seed_of_the_tree()}"
    for command in run_checks.pytest_commands(asked("--slow"), tmp_path):
        assert seed in command


def test_coverage_is_measured_on_demand_and_on_the_fast_suite_alone(run_checks, asked, tmp_path):
    assert "--cov" not in run_checks.pytest_commands(asked(), tmp_path)[0]
    fast, slow = run_checks.pytest_commands(asked("--slow", "--coverage"), tmp_path)
    assert "--cov" in fast
    assert "--cov" not in slow


def test_a_file_below_the_floor_is_named_only_when_the_total_is_too_low(
    run_checks, monkeypatch, tmp_path
):
    files = {
        "good.py": {"summary": {"percent_covered": 99.0}, "missing_lines": [1]},
        "bad.py": {"summary": {"percent_covered": 40.0}, "missing_lines": [7, 9]},
        "worse.py": {"summary": {"percent_covered": 0.0}, "missing_lines": [1, 2]},
    }

    def report(total):
        content = json.dumps({"totals": {"percent_covered": total}, "files": files})
        (tmp_path / "coverage.json").write_text(content)
        return run_checks.files_below_the_floor(tmp_path)

    monkeypatch.setattr(run_checks, "python", lambda *_: (sys.executable, "-c", ""))
    assert [line.split()[2] for line in report(50.0)] == ["worse.py:", "bad.py:"]
    assert report(97.0) == []


def test_a_run_that_measured_nothing_names_no_file(run_checks, monkeypatch, tmp_path):
    monkeypatch.setattr(run_checks, "python", lambda *_: (sys.executable, "-c", FAILS[0]))
    assert run_checks.files_below_the_floor(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "workers"),
    [
        (["tests/launcher"], False),
        (["-x", "tests/launcher/test_run_checks.py::test_what"], False),
        (["-k", "a name"], False),
        (["--durations=20"], True),
        (["-n", "2", "--durations=20"], True),
    ],
)
def test_no_workers_are_started_for_a_few_tests(run_checks, asked, tmp_path, arguments, workers):
    (command,) = run_checks.pytest_commands(asked("tests", "--", *arguments), tmp_path)
    assert ("-n" in command) is workers


def test_pytest_may_keep_its_bytecode(run_checks, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    code = "import sys; sys.exit(sys.dont_write_bytecode)"
    assert run_checks.run(run_checks.Step("x", ((sys.executable, "-c", code),))).passed


def test_continuous_integration_runs_the_slow_proofs(asked, monkeypatch):
    assert not asked().slow
    monkeypatch.setenv("CI", "true")
    assert asked().slow


def test_continuous_integration_measures_coverage(asked, monkeypatch):
    assert not asked().coverage
    monkeypatch.setenv("CI", "true")
    assert asked().coverage
    assert not asked("tests", "--", "-x").coverage


def test_what_stands_after_two_dashes_goes_to_pytest_and_measures_no_coverage(
    run_checks, asked, tmp_path
):
    (command,) = run_checks.pytest_commands(asked("tests", "--", "-k", "x"), tmp_path)
    assert command[-2:] == ("-k", "x")
    assert "--cov" not in command


def test_tests_are_counted_from_pytests_reports(run_checks, tmp_path):
    for name in ("fast.xml", "slow.xml"):
        (tmp_path / name).write_text(
            "<testsuites><testsuite tests='9' failures='2' errors='1' skipped='1'/></testsuites>"
        )
    assert run_checks.count_tests(tmp_path) == "10 passed, 6 failed, 2 skipped"


@pytest.mark.parametrize("content", [None, "", "<cut"])
def test_a_run_without_a_report_counts_nothing(run_checks, tmp_path, content):
    if content is not None:
        (tmp_path / "fast.xml").write_text(content)
    assert run_checks.count_tests(tmp_path) == ""
