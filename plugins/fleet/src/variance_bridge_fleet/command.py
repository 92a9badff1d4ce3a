"""`variance fleet`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from variance_bridge.commands import Invocation
    from variance_bridge_fleet.output_folder import Output

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("fleet")
def command() -> None:
    """Thousands of accounts at once, on a Dask cluster or on this machine's cores."""


@command.command("run")
@click.argument("manifest")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The output folder.")
@click.option("--scheduler", metavar="URL", help="A Dask scheduler: tcp://HOST:PORT.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes on this machine.")
@click.option("--resume", is_flag=True, help="Continue the run in the output folder.")
@click.option("--keep-going", is_flag=True, help="Skip unreadable lines of MANIFEST.")
@_JSON
@click.pass_obj
def run(
    invocation: Invocation,
    manifest: str,
    out: Path,
    scheduler: str | None,
    workers: int | None,
    *,
    resume: bool,
    keep_going: bool,
    as_json: bool,
) -> int:
    """Sync every account of MANIFEST and write tables of all.

    MANIFEST is a TOML or CSV file, or a pattern of files in quotes ("exports/**/*.csv"). An account that is refused or fails does not stop the others; the exit code is 6 when some were refused, 5 when some failed.
    """
    if scheduler is not None and workers is not None:
        raise click.UsageError("use `--scheduler` or `--workers`, not both")
    _require_libraries()
    from variance_bridge_fleet.manifest import in_words, read_manifest
    from variance_bridge_fleet.output_folder import Output
    from variance_bridge_fleet.run import Run
    from variance_bridge_fleet.run_counts import summary

    found = read_manifest(manifest)
    if found.unreadable and not keep_going:
        raise click.UsageError(f"the manifest cannot be read: {in_words(found.unreadable)}")
    for each in found.unreadable:
        invocation.warn(f"line {each.line} of the manifest: {each.what}")
    if not found.inputs:
        raise click.UsageError(
            f"there is nothing to do: {manifest} names no file that is there, and no profile"
        )
    output = Output(out.absolute())
    fleet = Run(
        output=output,
        inputs=found.inputs,
        configuration=_configuration(),
        now=invocation.clock.now(),
    )
    fleet.carry_out(scheduler, workers, resume=resume)
    _print(output, as_json=as_json)
    return summary(output).exit_code


@command.command("report", short_help="Show what became of a run.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_JSON
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write an HTML page.")
def report(folder: Path, html_file: Path | None, *, as_json: bool) -> int:
    """Summarize the run in DIR: how many accounts succeeded, what failed, what needs action.

    Exits with the code of the run: 6 when some accounts were refused, 5 when some failed.
    """
    _require_libraries()
    from variance_bridge_fleet.output_folder import Output
    from variance_bridge_fleet.run_counts import summary

    output = Output(folder.absolute())
    if html_file is not None:
        _write_page(output, html_file)
    if html_file is not None and not as_json:
        return 0
    _print(output, as_json=as_json)
    return summary(output).exit_code


def _print(output: Output, *, as_json: bool) -> None:
    from variance_bridge.commands import dumps
    from variance_bridge.formatting import printable
    from variance_bridge_fleet.report import lines, report
    from variance_bridge_fleet.run_counts import summary

    if as_json:
        click.echo(dumps(summary(output).document()), nl=False)
        return
    for line in lines(report(output)):
        click.echo(printable(line))


def _write_page(output: Output, file: Path) -> None:
    from variance_bridge.files import write_file
    from variance_bridge.formatting import printable
    from variance_bridge_fleet.report import page, report

    hint = "choose another place with `--html FILE`"
    write_file(file, page(report(output)), title="the page", hint=hint)
    click.echo(printable(f"Wrote {file}"), err=True)


def _configuration() -> Path | None:
    """What `--config` named; workers read the same file."""
    context = click.get_current_context().find_root()
    named = context.params.get("config")
    return Path(named).absolute() if named else None


def _require_libraries() -> None:
    from variance_bridge import ConfigurationError

    # Arrow's own allocators keep what was freed, half as much again; it reads this when it is imported.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        import distributed  # noqa: F401
        import pyarrow  # noqa: F401, ICN001
    except ImportError as error:
        raise ConfigurationError(
            f"`variance fleet` needs {error.name}, which is not installed",
            hint='pip install "variance-bridge[fleet]"; in a checkout: .venv/bin/pip install -r requirements-extras.lock',
        ) from None
