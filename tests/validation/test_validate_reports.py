from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path, PurePath

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.cli.error_report import run
from variance_bridge.cli.validate import FORMATS
from variance_bridge.document.validation_reports import REPORTS, Checked
from variance_bridge.document.violation import Violation

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "schemas" / "examples"
VIOLATION = Violation("/positions/0/strike", "terms", "contradicts the symbol")
RESULTS = [
    Checked(file=PurePath("a.json"), violations=(), positions=1),
    Checked(
        file=PurePath("b,c:d.json"),
        violations=(VIOLATION, Violation("", "readable", '50 % <bad> & "worse"')),
        lines={VIOLATION.pointer: 7},
    ),
]

names = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1).filter(
    lambda name: "\0" not in name
)


def test_text_gives_a_line_to_each_problem_and_to_each_valid_file():
    assert REPORTS["text"](RESULTS).splitlines() == [
        "a.json: valid, 1 position",
        "b,c:d.json: /positions/0/strike: contradicts the symbol",
        'b,c:d.json: 50 % <bad> & "worse"',
    ]


def test_json_is_one_object_with_pointer_rule_and_message():
    report = json.loads(REPORTS["json"](RESULTS))

    assert [entry["valid"] for entry in report["files"]] == [True, False]
    assert report["files"][1]["problems"][0] == {
        "pointer": "/positions/0/strike",
        "rule": "terms",
        "message": "contradicts the symbol",
    }


def test_github_gets_an_escaped_annotation_for_each_problem():
    assert REPORTS["github"](RESULTS).splitlines() == [
        "::error file=b%2Cc%3Ad.json,line=7,title=terms::/positions/0/strike: contradicts the symbol",
        '::error file=b%2Cc%3Ad.json,line=1,title=readable::50 %25 <bad> & "worse"',
    ]


def test_junit_has_a_case_for_each_file_that_fails_when_it_is_not_valid():
    suite = ET.fromstring(REPORTS["junit"](RESULTS))

    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.find("failure") is not None for case in suite] == [False, True]
    assert "<bad>" in suite[1][0].get("message")


def test_sarif_has_a_result_for_each_problem_with_its_pointer():
    log = json.loads(REPORTS["sarif"](RESULTS))
    results = log["runs"][0]["results"]

    assert (log["version"], len(results)) == ("2.1.0", 2)
    assert results[0]["ruleId"] == "terms"
    place = results[0]["locations"][0]
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "/positions/0/strike"
    assert results[0]["message"]["text"] == "/positions/0/strike: contradicts the symbol"
    assert place["physicalLocation"]["region"] == {"startLine": 7}
    assert {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]} == {
        "terms",
        "readable",
    }


def test_sarif_names_a_file_by_a_valid_uri_reference():
    results = [Checked(file=PurePath("a b <c>.json"), violations=(VIOLATION,))]
    place = json.loads(REPORTS["sarif"](results))["runs"][0]["results"][0]["locations"][0]

    assert place["physicalLocation"]["artifactLocation"]["uri"] == "a%20b%20%3Cc%3E.json"


@given(names)
def test_no_file_name_breaks_a_report(name):
    results = [Checked(file=PurePath(name), violations=(VIOLATION,))]

    json.loads(REPORTS["json"](results))
    json.loads(REPORTS["sarif"](results))
    ET.fromstring(REPORTS["junit"](results))
    assert len(REPORTS["github"](results).splitlines()) == 1


def test_the_command_offers_every_report():
    assert set(FORMATS) == set(REPORTS)


@pytest.mark.parametrize("form", FORMATS)
def test_the_exit_code_is_the_same_in_every_form(form, capsys, tmp_path):
    (tmp_path / "bad.json").write_text("{}")

    assert run(["validate", "--format", form, str(EXAMPLES / "full.json")]) == 0
    assert run(["validate", "--format", form, str(tmp_path / "bad.json")]) == 6
    assert (
        run(
            [
                "validate",
                "--format",
                form,
                "--output",
                str(tmp_path / "report"),
                str(tmp_path / "bad.json"),
            ]
        )
        == 6
    )
    assert (tmp_path / "report").read_text()


def test_a_report_that_cannot_be_written_is_reported(capsys, tmp_path):
    assert (
        run(["validate", "--output", str(tmp_path / "no" / "report"), str(EXAMPLES / "full.json")])
        == 6
    )
    assert "cannot be written" in capsys.readouterr().err


def action_step(name: str) -> str:
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    return next(step["run"] for step in steps if step["name"] == name)


@pytest.fixture
def runner(tmp_path):
    """What a GitHub runner has after the action's first step, with this environment's command."""
    import sys

    command = tmp_path / "temp" / "variance-bridge" / "bin" / "variance"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m variance_bridge "$@"\n')
    command.chmod(0o755)
    work = tmp_path / "work with blanks" / "positions"
    work.mkdir(parents=True)

    def call(files: str, form: str = "github") -> subprocess.CompletedProcess:
        import os

        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", action_step("Validate")],
            cwd=work.parent,
            env={
                **os.environ,
                "RUNNER_TEMP": str(tmp_path / "temp"),
                "FILES": files,
                "FORMAT": form,
                "OUTPUT": "",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    call.positions = work
    return call


@pytest.mark.slow
def test_the_github_action_annotates_a_bad_file_and_passes_a_good_one(runner):
    (runner.positions / "live_good.json").write_bytes((EXAMPLES / "full.json").read_bytes())
    assert runner("positions/live_*.json").returncode == 0
    (runner.positions / "live_bad one.json").write_text("{}")
    done = runner("positions/live_*.json")

    assert done.returncode == 6
    assert done.stdout.splitlines()[0].startswith(
        "::error file=positions/live_bad one.json,line=1,title=required::"
    )


def test_the_github_action_fails_when_no_file_matches(runner):
    done = runner("positions/live_*.json")

    assert (done.returncode, "no file matches" in done.stdout) == (6, True)


def test_the_pre_commit_hook_names_this_command():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())

    assert hook["id"] == "variance-validate"
    assert hook["entry"] == "variance validate"


@pytest.mark.slow
def test_pre_commit_runs_the_hook_against_a_repository_of_somebody_else(tmp_path):
    import os
    import sys

    scratch = tmp_path / "scratch"
    (scratch / "positions").mkdir(parents=True)
    (scratch / "positions" / "live_bad.json").write_text("{}")
    (scratch / "positions" / "live_good.json").write_bytes((EXAMPLES / "rfc.json").read_bytes())
    environment = {
        **os.environ,
        "PRE_COMMIT_HOME": str(tmp_path / "cache"),
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    environment |= {
        f"GIT_{who}_{what}": "a@b.example"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    hooks = tmp_path / "hooks"
    for command in (
        ["git", "clone", "-q", str(ROOT), str(hooks)],
        ["git", "init", "-q", str(scratch)],
        ["git", "-C", str(scratch), "add", "."],
    ):
        subprocess.run(command, check=True, env=environment)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pre_commit",
            "try-repo",
            str(hooks),
            "variance-validate",
            "--all-files",
            "--ref",
            "HEAD",
        ],
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert "positions/live_bad.json: `meta` is missing" in done.stdout
    assert "live_good.json: valid, 1 position" in done.stdout
