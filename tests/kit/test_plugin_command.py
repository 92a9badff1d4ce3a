"""`variance plugin check` and `record` as an author meets them, and the words when something is in the way."""

from __future__ import annotations

import subprocess
import sys

import attrs
import pytest

from variance_bridge.cli.error_report import run
from variance_bridge.cli.plugin import _print_text
from variance_bridge.errors import ConfigurationError, PluginError
from variance_bridge.plugins.loading import Registry
from variance_bridge.plugins.registry import Plugin
from variance_bridge.testing import BrokerConformance
from variance_bridge.testing.broker_under_test import find_subject
from variance_bridge.testing.case_decorator import NotReadyError
from variance_bridge.testing.plugin_check import Examination, examine, suite_cases
from variance_bridge.testing.tiers import Result, standing

CASES = suite_cases(BrokerConformance)


@pytest.fixture(scope="module")
def project(workshop, tmp_path_factory):
    return workshop.project("soylent", tmp_path_factory.mktemp("command") / "soylent")


@pytest.fixture
def loaded(project, monkeypatch):
    monkeypatch.syspath_prepend(project / "src")
    point = Plugin("soylent", "variance_bridge_soylent.plugin")
    return Registry(lambda _group: [point]).load("soylent")


def examination(**results):
    found = dict.fromkeys(CASES, Result.PASSED) | {
        name.replace("_", "-"): Result(result) for name, result in results.items()
    }
    return Examination(
        name="soylent",
        plugin="variance-bridge-soylent 0.1.0",
        standing=standing(found, frozenset(CASES)),
        sentences=CASES,
        complaints={"SIGN-05": ("- positions.json: SPY never becomes short",)},
    )


def test_what_is_missing_for_the_next_tier_is_printed_with_its_reason_and_what_is_wrong(capsys):
    _print_text(examination(SIGN_05="failed", ROW_03="not run", PURE_01="passed"))

    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "soylent (variance-bridge-soylent 0.1.0): silver",
        "bronze  7 of 7 rules",
        "silver  6 of 6 rules",
        "gold    7 of 9 rules",
        "Missing for gold:",
    ]
    place = lines.index("  The opposite side is the exact opposite")
    assert lines[place + 1].startswith("    why: Short positions are rarer")
    assert lines[place + 2].startswith("    SIGN-05 failed: The same row of the opposite side")
    assert lines[place + 3] == "      - positions.json: SPY never becomes short"
    assert any(line.startswith("    ROW-03 not run: ") for line in lines)


def test_only_the_next_tier_is_asked_for(capsys):
    _print_text(examination(SIGN_01="failed", SIGN_05="failed"))

    output = capsys.readouterr().out
    assert "no tier yet" in output
    assert "Missing for bronze:" in output
    assert "SIGN-05" not in output


def test_nothing_is_missing_above_gold(capsys):
    _print_text(examination())

    assert "Missing" not in capsys.readouterr().out


def test_the_tests_of_a_plugin_are_found_beside_its_code(loaded, project, monkeypatch, tmp_path):
    seen = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "variance_bridge.testing.plugin_check._run",
        lambda tests: (seen.append(tests), {"DECL-01": {"outcome": "passed", "tests": []}})[1],
    )
    result = examine(loaded)

    assert seen == [project / "tests"]
    assert result.standing.tier is None
    assert result.name == "soylent"


def test_tests_that_are_nowhere_are_reported_with_the_option_that_names_them(
    loaded, project, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    (project / "tests").rename(project / "elsewhere")
    try:
        with pytest.raises(ConfigurationError, match="not beside its code") as caught:
            examine(loaded)
    finally:
        (project / "elsewhere").rename(project / "tests")
    assert "--tests DIR" in caught.value.hint


@pytest.mark.slow
def test_tests_without_a_conformance_case_are_reported_as_such(loaded, tmp_path):
    (tmp_path / "test_other.py").write_text("def test_other(): assert True\n")

    with pytest.raises(PluginError, match="hold no conformance case") as caught:
        examine(loaded, tmp_path)
    assert "BrokerConformance" in caught.value.hint


def test_check_of_an_unknown_broker_ends_with_words_and_exit_code_3(capsys):
    assert run(["plugin", "check", "no_such_broker"]) == 3
    assert 'no broker "no_such_broker" is installed' in capsys.readouterr().err


def test_a_case_that_does_not_apply_is_listed_with_its_reason(capsys):
    examined = examination()
    _print_text(attrs.evolve(examined, not_applicable={"NEAR-06": "no row states a currency"}))

    assert "NEAR-06 does not apply: no row states a currency" in capsys.readouterr().out


def test_record_never_overwrites(tmp_path, capsys):
    file = tmp_path / "kept.json"
    file.write_text("to keep")

    assert run(["plugin", "record", "csv", "--output", str(file)]) == 2
    assert file.read_text() == "to keep"


def test_a_test_class_without_a_broker_learns_what_to_write():
    with pytest.raises(NotReadyError, match="broker = AcmeBroker"):
        find_subject(None, BrokerConformance, None)


def test_a_broker_that_no_plugin_declares_learns_what_is_missing():
    with pytest.raises(NotReadyError, match=r"no plugin declares .*Nobody: give the project"):
        find_subject(type("Nobody", (), {}), BrokerConformance, None)


def test_a_plugin_that_declares_another_class_learns_which(loaded, project, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(project / "tests")
    import test_conformance

    another = type("AnotherBroker", (), {"__module__": "variance_bridge_soylent.positions"})
    try:
        with pytest.raises(NotReadyError, match=r"declares .*:SoylentBroker, which is another"):
            find_subject(another, test_conformance.TestSoylent, None)
    finally:
        del sys.modules["test_conformance"]


def test_a_class_without_recordings_learns_what_to_give(loaded, project):
    from variance_bridge_soylent.broker import SoylentBroker

    variant = type(
        "Variant", (BrokerConformance,), {"broker": SoylentBroker, "spec": loaded.broker}
    )
    with pytest.raises(NotReadyError, match="`payloads` must be a folder"):
        variant().recordings()


def test_the_option_of_the_report_is_spelled_alike_on_both_sides():
    from variance_bridge.testing import plugin_check, pytest_plugin

    assert plugin_check.OPTION == pytest_plugin.OPTION


def test_without_pytest_the_command_says_what_to_install(loaded, monkeypatch):
    for name in [one for one in sys.modules if one.startswith("variance_bridge.testing.suites")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "variance_bridge.testing.conformance.network", None)

    with pytest.raises(ConfigurationError, match="which is not installed") as caught:
        examine(loaded)
    assert caught.value.hint == "pip install variance-bridge[testing]"


def test_tests_that_never_end_are_stopped_and_reported(loaded, monkeypatch, tmp_path):
    monkeypatch.setattr("variance_bridge.testing.plugin_check.MAX_SECONDS", 0.01)

    with pytest.raises(PluginError, match="did not end within"):
        examine(loaded, tmp_path)


def test_the_pytest_plugin_imports_nothing_that_pytest_has_not_imported_anyway():
    code = (
        "import sys, json, pathlib, pytest\n"
        "before = set(sys.modules)\n"
        "import variance_bridge.testing.pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [
        "variance_bridge",
        "variance_bridge.testing",
        "variance_bridge.testing.pytest_plugin",
    ]
