"""`variance sync`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.cli.sync_outcome import (
    doubtful,
    entry,
    explain,
    failure,
    labelled,
    omission,
    sentence,
)
from variance_bridge.errors import UsageError
from variance_bridge.pipeline.previous_document import STANDARD_STREAM
from variance_bridge.pipeline.sync_records import Failed, Result, Skipped, Synced


@click.command(
    epilog="\b\nExamples:\n  variance sync ~/Downloads/positions.csv\n  variance sync ~/Downloads               the newest export of each account\n  variance sync --broker NAME --dry-run\n  variance sync --set dialect=NAME export.csv"
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--broker", help="Name of an installed broker; `variance brokers` lists them.")
@click.option("--profile", help="A profile of variance.toml.")
@click.option("--account", help="Number, hash, label or nickname of the account.")
@click.option("--all-accounts", is_flag=True, help="One file per account.")
@click.option(
    "--all", "all_profiles", is_flag=True, help="Sync every profile, brokers in parallel."
)
@click.option(
    "--input",
    "input_file",
    type=click.Path(path_type=Path),
    help="The file to read, for brokers that read files; `-` for standard input.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the broker, for this run.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write; `-` for standard output.",
)
@click.option("--quotes", metavar="SOURCE|none", help="Where prices and greeks come from.")
@click.option("--strict", is_flag=True, help="Refuse doubtful numbers and rejected rows.")
@click.option("--allow-empty", is_flag=True, help="Let an empty portfolio replace positions.")
@click.option("--dry-run", is_flag=True, help="Do everything except write the file.")
@click.option("--yes", is_flag=True, help="Trust third-party plugins without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def sync(invocation: Invocation, /, **options: Any) -> int:
    """Fetch positions from a broker (read-only) and save them.

    FILE is the same as `--input FILE`: an export to read; no broker needs to be named.
    For a folder, the newest export of each account is read. `--all` syncs every profile; one that fails does not
    stop the others, and the exit code is the highest of all.
    """
    if options.pop("all_profiles"):
        from variance_bridge.cli.sync_all import sync_all_profiles

        return sync_all_profiles(invocation, options)
    if options["file"] is not None and options["input_file"] is not None:
        raise UsageError("the file to read was given twice: as FILE and as `--input`")
    options["input_file"] = options.pop("file") or options["input_file"]
    _check_input(options["input_file"])
    _check_name(options["output"])
    to_stdout = options["output"] == STANDARD_STREAM
    if to_stdout and (options["as_json"] or options["dry_run"] or options["all_accounts"]):
        raise UsageError(
            "`--output -` does not go together with `--json`, `--dry-run` or `--all-accounts`"
        )
    if options["input_file"] is None and sys.stdin is not None and sys.stdin.isatty():
        from variance_bridge.cli.init import offer_setup

        offer_setup(invocation, options)
    with _input_file(invocation, options["input_file"]) as input_file:
        options["input_file"] = input_file
        results = run_sync(invocation, options)
        is_first = remember_run(invocation, options, results)
    for result in results:
        explain(invocation, result)
    if to_stdout:
        _write_documents(invocation, results)
    elif options["as_json"]:
        _print_json(results, invocation.redact)
    else:
        done = [one for one in results if isinstance(one, Synced)]
        for result in done:
            _print_sentence(result, invocation)
        if is_first:
            _hint_at_history()
    return next((one.error.exit_code for one in results if isinstance(one, Failed)), 0)


def _hint_at_history() -> None:
    """Once, to a user at a terminal: of what is synced before the history is on, it has the last two documents at most."""
    from variance_bridge.plugins.registry import LISTENERS, names
    from variance_bridge.terminal import laid_out, screen_of

    if (
        sys.stderr is not None
        and screen_of(sys.stderr).is_terminal
        and "history" in names(LISTENERS)
    ):
        hint = "To see later what changed, keep a history: `variance history enable`"
        click.echo(laid_out(hint, sys.stderr), err=True)


def _check_input(file: Path | None) -> None:
    """`variance sync NAME` names a broker where a file is expected; a mistyped ending names no broker at all."""
    if file is None or file == STANDARD_STREAM:
        return
    if file.suffix:
        from variance_bridge.pipeline.broker_choice import reader_of_ending
        from variance_bridge.plugins.registry import names
        from variance_bridge.storage.read import refuse_missing

        if reader_of_ending(file) not in names():
            refuse_missing(file)
        return
    if len(file.parts) != 1 or file.exists():
        return
    from variance_bridge.cli.completion_values import broker_names
    from variance_bridge.formatting import nearest
    from variance_bridge.masking import as_typed

    near = nearest(file.name.casefold(), broker_names())
    if near is not None:
        raise UsageError(
            f"there is no file {as_typed(file.name)}",
            hint=f"for the broker: `variance sync --broker {near}`",
        )


def _check_name(output: Path | None) -> None:
    if output is not None and output.suffix.lower() == ".csv" and not output.exists():
        raise UsageError(
            "a sync writes JSON, and the name of the output ends in .csv",
            hint="name it .json; for a table of positions: `variance export FILE --format csv`",
        )


def _input_file(invocation: Invocation, named: Path | None) -> AbstractContextManager[Path | None]:
    if named != STANDARD_STREAM:
        return nullcontext(named)
    from variance_bridge.cli.standard_input import standard_input_as_file

    return standard_input_as_file(invocation, named)


def run_sync(invocation: Invocation, options: Mapping[str, Any]) -> list[Result]:
    """The pipeline with the options of the command line; warnings and diagnostics go to stderr."""
    from variance_bridge.cli.progress import shown_progress
    from variance_bridge.pipeline.broker_choice import Choice
    from variance_bridge.pipeline.sync import sync as run
    from variance_bridge.pipeline.sync_records import SyncRequest
    from variance_bridge.settings.configuration import parse_overrides

    choice = Choice(
        broker=options.get("broker"),
        profile=options.get("profile"),
        account=options.get("account"),
        input_file=options.get("input_file"),
        overrides=parse_overrides(options.get("settings", ())),
    )
    request = SyncRequest(
        choice=choice,
        output=options.get("output"),
        quotes=options.get("quotes"),
        all_accounts=options.get("all_accounts", False),
        strict=options.get("strict", False),
        allow_empty=options.get("allow_empty", False),
        dry_run=options.get("dry_run", False),
    )
    context = invocation.run_context(trust=options.get("yes", False))
    with shown_progress(invocation, choice.input_file) as progress:
        try:
            results = run(context, request, progress)
        except UsageError as error:
            raise _with_last_exports(error, invocation, choice.input_file) from error
    return results


def _with_last_exports(error: UsageError, invocation: Invocation, named: Path | None) -> UsageError:
    """After `sync FILE`, a sync without one is told apart from a mistake: the folder of that file is named."""
    from variance_bridge.formatting import path_text
    from variance_bridge.settings.last_sync import last_sync

    folder = last_sync(invocation.configuration.folder).exports
    if named is not None or folder is None or "reads a file" not in error.what:
        return error
    hint = f"the newest export in the folder of the last one: `variance sync {path_text(folder)}`"
    return UsageError(error.what, where=error.where, hint=f"{hint}\n  or {error.hint}")


def remember_run(
    invocation: Invocation, options: Mapping[str, Any], results: Sequence[Result]
) -> bool:
    """Keep which broker and folder were used, for runs that name neither. Syncing a file keeps a remembered broker with an API.

    Returns:
        Whether it is the first: nothing is configured, and nothing was synced before.
    """
    from variance_bridge.settings.last_sync import LastSync, last_sync, remember

    done = next((each for each in results if isinstance(each, Synced) and each.published), None)
    if done is None or options.get("profile") is not None:
        return False
    folder = invocation.configuration.folder
    before = last_sync(folder)
    broker, positions = done.portfolio.meta.source, before.positions
    if before.broker is not None and options.get("input_file") is not None:
        broker = before.broker
    if options.get("output") is None:
        positions = done.path.parent.absolute()
    named: Path | None = options.get("input_file")
    exports = before.exports
    if named is not None and named.exists():
        exports = (named if named.is_dir() else named.parent).absolute()
    remember(folder, LastSync(broker, positions, exports))
    return invocation.configuration.file is None and before == LastSync()


def _write_documents(invocation: Invocation, results: Sequence[Result]) -> None:
    """The document on stdout, as `--output FILE` would hold it; what is said about it goes to stderr."""
    for result in results:
        if isinstance(result, Synced):
            for piece in result.draft.text:
                click.echo(piece, nl=False)
            invocation.note(sentence(result, invocation))


def _print_sentence(result: Synced, invocation: Invocation) -> None:
    """For programs that read it, one line, whatever COLUMNS says."""
    from variance_bridge.terminal import laid_out, screen_of

    text, passages = sentence(result, invocation), doubtful(result, invocation)
    if sys.stdout is not None and screen_of(sys.stdout).is_terminal:
        # What goes into a file or a pipe may be a log, in which no label stands.
        text = f"{labelled(result, invocation)}{text}"
        text = laid_out(text, sys.stdout, doubtful=passages)
    click.echo(text)


def _print_json(results: Sequence[Result], redact: Callable[[str], str]) -> None:
    from variance_bridge.document.exact_json import dumps

    document: dict[str, Any] = {
        "synced": [entry(one) for one in results if isinstance(one, Synced)]
    }
    if failed := [failure(one, redact) for one in results if isinstance(one, Failed)]:
        document["failed"] = failed
    if skipped := [omission(one, redact) for one in results if isinstance(one, Skipped)]:
        document["skipped"] = skipped
    click.echo(dumps(document), nl=False)
