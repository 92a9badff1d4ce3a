"""`variance validate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from variance_bridge.document.validation_reports import Checked

NOT_ACCEPTABLE = 6

FORMATS = ("text", "json", "github", "junit", "sarif")


@click.command(
    epilog="\b\nExamples:\n  variance validate positions/*.json\n  variance validate --json positions/live_NAME.json"
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Form of the report.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as `--format json`.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
def validate(files: tuple[Path, ...], form: str, output: Path | None, *, as_json: bool) -> int:
    """Check positions files against the schema and the arithmetic rules.

    Prints each problem as `FILE: JSON pointer: what is wrong`, to stdout, and exits with 6 when there is one. No value
    of a file is printed. Needs nothing but the files: no configuration, no plugin, no network.
    """
    from variance_bridge.document.validation_reports import REPORTS

    results = [check_file(file) for named in files for file in _documents_of(named)]
    report = REPORTS["json" if as_json else form](results)
    if output is None:
        click.echo(report, nl=False)
    else:
        _write(output, report)
    return NOT_ACCEPTABLE if any(result.violations for result in results) else 0


def _documents_of(named: Path) -> Sequence[Path]:
    """Of a folder, the positions files in it; the folder itself, which cannot be read, where there is none."""
    if not named.is_dir():
        return [named]
    from variance_bridge.document.newest_file import LIVE_FILES

    return sorted(named.glob(LIVE_FILES)) or [named]


def check_file(file: Path) -> Checked:
    """What is wrong with the file; a file that cannot be read has one violation."""
    from variance_bridge.document.check import check
    from variance_bridge.document.exact_json import MAX_BYTES, loads
    from variance_bridge.document.pointer_lines import lines_of
    from variance_bridge.document.validation_reports import Checked
    from variance_bridge.document.versions import for_this_version
    from variance_bridge.document.violation import Violation
    from variance_bridge.errors import BridgeError
    from variance_bridge.storage.read import read_bounded

    try:
        data = read_bounded(file, MAX_BYTES)
        document, _warnings = for_this_version(loads(data))
    except BridgeError as error:
        what = error.what
        if file.suffix.lower() == ".csv":
            what += "; an export is read by `variance sync FILE` or `variance triage FILE`"
        return Checked(file=file, violations=(Violation("", "readable", what),))
    violations = tuple(check(document))
    positions = 0 if violations else len(document["positions"])
    lines = lines_of(data, (violation.pointer for violation in violations))
    return Checked(file=file, violations=violations, positions=positions, lines=lines)


def _write(output: Path, report: str) -> None:
    from variance_bridge.errors import DataRefused

    try:
        output.write_text(report, encoding="utf-8")
    except OSError as error:
        raise DataRefused(
            f"the report cannot be written: {error.strerror}", where=str(output)
        ) from None
