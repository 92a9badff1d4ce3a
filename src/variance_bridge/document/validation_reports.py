"""What was found in files, in the forms that people and programs read. Pure: records in, text out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from msgspec import Struct, field, structs

from variance_bridge import __version__
from variance_bridge.document import exact_json
from variance_bridge.document.violation import Violation
from variance_bridge.formatting import path_text, plural
from variance_bridge.masking import shown_path


class Checked(Struct, frozen=True, kw_only=True):
    """One file and what was found in it.

    Attributes:
        file: its path as the user gave it.
        violations: none for a valid file.
        positions: how many a valid file holds.
        lines: the line of each violation's pointer, from 1; 1 where it is not known.
    """

    file: PurePath
    violations: tuple[Violation, ...]
    positions: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path as text that every writer can encode and no terminal obeys; that of an export without account numbers."""
        return shown_path(path_text(self.file))

    def line(self, violation: Violation) -> int:
        """The line of the file at which the violation stands."""
        return self.lines.get(violation.pointer, 1)


def text(results: Sequence[Checked]) -> str:
    """`FILE: JSON pointer: what is wrong`, a line each; a valid file gets a line too."""
    lines = []
    for result in results:
        lines += [f"{result.name}: {violation}" for violation in result.violations]
        if not result.violations:
            lines.append(f"{result.name}: valid, {plural(result.positions, 'position')}")
    return "".join(f"{line}\n" for line in lines)


def json(results: Sequence[Checked]) -> str:
    """One JSON object: `{"files": [{file, valid, positions, problems: [{pointer, rule, message}]}]}`."""
    entries = [
        {
            "file": result.name,
            "valid": not result.violations,
            "positions": result.positions,
            "problems": [structs.asdict(violation) for violation in result.violations],
        }
        for result in results
    ]
    return exact_json.dumps({"files": entries}).decode()


def github(results: Sequence[Checked]) -> str:
    """Workflow commands of GitHub Actions: an annotation for each problem, on its line."""
    return "".join(
        f"::error file={_property(result.name)},line={result.line(violation)},title={_property(violation.rule)}"
        f"::{_data(str(violation))}\n"
        for result in results
        for violation in result.violations
    )


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def junit(results: Sequence[Checked]) -> str:
    """JUnit XML: a test case for each file, which fails when the file is not valid."""
    failures = sum(bool(result.violations) for result in results)
    cases = "".join(_test_case(result) for result in results)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name="variance validate" tests="{len(results)}" failures="{failures}">\n'
        f"{cases}</testsuite>\n"
    )


def _test_case(result: Checked) -> str:
    opening = f'  <testcase classname="variance validate" name={quoteattr(result.name)}'
    if not result.violations:
        return f"{opening}/>\n"
    message = "; ".join(map(str, result.violations))
    return (
        f'{opening}>\n    <failure type="invalid" message={quoteattr(message)}/>\n  </testcase>\n'
    )


def sarif(results: Sequence[Checked]) -> str:
    """SARIF 2.1.0: a result for each problem, with its line and its JSON pointer.

    The pointer stands in the message too, because GitHub shows no logical locations.
    """
    rules = sorted({v.rule for result in results for v in result.violations})
    findings = [
        _finding(result, violation) for result in results for violation in result.violations
    ]
    driver = {
        "name": "variance validate",
        "version": __version__,
        "rules": [{"id": rule} for rule in rules],
    }
    log = {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": driver}, "results": findings}],
    }
    return exact_json.dumps(log).decode()


def _finding(result: Checked, violation: Violation) -> dict[str, Any]:
    artifact = {"uri": quote(PurePath(result.name).as_posix())}  # a URI reference, SARIF 3.4.3
    region = {"startLine": result.line(violation)}
    return {
        "ruleId": violation.rule,
        "level": "error",
        "message": {"text": str(violation)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": artifact, "region": region},
                "logicalLocations": [{"fullyQualifiedName": violation.pointer}],
            }
        ],
    }


REPORTS: Mapping[str, Callable[[Sequence[Checked]], str]] = {
    "text": text,
    "json": json,
    "github": github,
    "junit": junit,
    "sarif": sarif,
}
