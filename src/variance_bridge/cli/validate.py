"""`variance validate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from variance_bridge.validation import Violation

NOT_ACCEPTABLE = 6


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def validate(files: tuple[Path, ...], *, as_json: bool) -> int:
    """Check positions files against the schema and the arithmetic rules.

    Prints each problem as `FILE: JSON pointer: what is wrong`, to stdout, and exits with 6 when there is one. No value
    of a file is printed.
    """
    results = [(file, *_check(file)) for file in files]
    if as_json:
        _print_json(results)
    else:
        _print_lines(results)
    return NOT_ACCEPTABLE if any(violations for _file, violations, _count in results) else 0


Result = tuple[Path, list["Violation"], int]


def _check(file: Path) -> tuple[list[Violation], int]:
    """The file's violations and its number of positions; a file that cannot be read has one violation."""
    from variance_bridge.errors import BridgeError
    from variance_bridge.exact_json import loads
    from variance_bridge.files import read_bounded
    from variance_bridge.validation import Violation, check
    from variance_bridge.validation.versions import for_this_version

    try:
        document, _warnings = for_this_version(loads(read_bounded(file)))
    except BridgeError as error:
        return [Violation("", "readable", error.what)], 0
    violations = check(document)
    return violations, 0 if violations else len(document["positions"])


def _print_lines(results: list[Result]) -> None:
    from variance_bridge.screen import printable

    for file, violations, count in results:
        name = printable(str(file))
        for violation in violations:
            click.echo(f"{name}: {violation}")
        if not violations:
            click.echo(f"{name}: valid, {count} position{'' if count == 1 else 's'}")


def _print_json(results: list[Result]) -> None:
    from variance_bridge.exact_json import dumps

    def entry(file: Path, violations: list[Violation], count: int) -> dict[str, Any]:
        problems = [
            {"pointer": v.pointer, "rule": v.rule, "message": v.message} for v in violations
        ]
        return {
            "file": str(file).encode("utf-8", "replace").decode(),
            "valid": not violations,
            "positions": count,
            "problems": problems,
        }

    click.echo(dumps({"files": [entry(*result) for result in results]}), nl=False)
