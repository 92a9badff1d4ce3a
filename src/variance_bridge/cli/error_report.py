"""The one place where errors become words on stderr and an exit code.

No traceback ever reaches the screen with values in it: an unforeseen exception is reported by its class and the places in
the code that it passed, never by its message.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from variance_bridge.errors import BridgeError
from variance_bridge.formatting import nearest, printable

if TYPE_CHECKING:
    import click

    from variance_bridge.cli.invocation import Invocation

INTERRUPTED = 130
"""128 + SIGINT, as shells expect."""

BUG = 1

OUTPUT_FAILED = 6

_HELP = "Usage: variance "
"""How the message of click's `NoArgsIsHelpError` begins, which older versions of click do not have."""

_OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

SHOW_PLACES = 2
"""With `-vv` an error also says where in the code it was raised."""


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code (docs/cli.md)."""
    from variance_bridge.cli.invocation import Invocation
    from variance_bridge.cli.subcommands import variance

    invocation = Invocation()
    try:
        _check_arguments(arguments)
        result = variance.main(
            args=list(arguments), prog_name="variance", standalone_mode=False, obj=invocation
        )
        _flush()
    except BridgeError as error:
        return _report_refusal(error, invocation)
    except Exception as error:  # noqa: BLE001 - so that no value of a traceback reaches the screen
        return _report_unexpected(error, arguments)
    except (KeyboardInterrupt, SystemExit) as stop:
        return _stopped(stop)
    finally:
        invocation.restore()
    return result if isinstance(result, int) else 0


def _check_arguments(arguments: Sequence[str]) -> None:
    """`variance sync "$FILE"` with a variable that is not set: an empty path would be the working folder."""
    from variance_bridge.errors import UsageError

    if "" in arguments:
        raise UsageError(
            "an argument is empty",
            hint="leave it out; in a script, check that the variable behind it is set",
        )


def _report_refusal(error: BridgeError, invocation: Invocation) -> int:
    _print_refusal(error, invocation.redact)
    if invocation.verbosity >= SHOW_PLACES:
        _print_frames(error.__cause__ or error)
    return error.exit_code


def _report_unexpected(error: Exception, arguments: Sequence[str]) -> int:
    """What click says of how the command was called, a closed or full output, and bugs."""
    import click

    from variance_bridge.cli.subcommands import ReaderGone

    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.exceptions.Abort():  # at a question, which the cursor still stands behind
            if sys.stderr is not None and sys.stderr.isatty():
                _print("")
            return _stopped(KeyboardInterrupt())
        case click.UsageError() if error.message.startswith(_HELP):
            _print(
                error.message
            )  # a group without its command: its help, which repeats no argument
            return error.exit_code
        case click.ClickException():
            _print_usage(error, arguments)
            return error.exit_code
        case ReaderGone() | BrokenPipeError():
            _close_stdout()
            return 0
        case OSError() if error.errno in _OUTPUT_ERRORS:
            return _report_failed_output(error)
        case OSError() if error.errno is not None:
            return _report_system_error(error)
        case _:
            _print_bug(error)
            return BUG


def _stopped(stop: BaseException) -> int:
    """Stopped by the user, or by the `SystemExit` of a plugin's command, which the interpreter would print unredacted."""
    if isinstance(stop, SystemExit):
        return stop.code if isinstance(stop.code, int) else BUG
    _print("Interrupted. Nothing was left half-written.")
    return INTERRUPTED


def _flush() -> None:
    """Now, so that a full disk or a closed pipe is noticed here; there is no stdout after `>&-`."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _print(text: str) -> None:
    if sys.stderr is None:  # `print` would take standard output in its place
        return
    with suppress(BrokenPipeError):  # the exit code says it all the same
        print(text, file=sys.stderr)  # noqa: T201


def _print_refusal(error: BridgeError, redact: Callable[[str], str]) -> None:
    """What, where and what to do. Ours hold nothing personal; a plugin's may, so what is known to be personal is taken out."""
    from variance_bridge.terminal import laid_out

    if sys.stderr is None:
        return
    # Imported here: only a refusal needs it, and a start without one is faster.
    from variance_bridge.masking import shown_path

    where = f"{shown_path(error.where)}: " if error.where else ""
    parts = (f"Error: {where}{error.what}", f"  {error.hint}" if error.hint else "")
    for part in filter(None, parts):
        _print(laid_out(printable(redact(part)), sys.stderr))


def _print_usage(error: click.ClickException, arguments: Sequence[str]) -> None:
    """What click has to say. It quotes arguments: one that is more likely a secret in the wrong place is not repeated."""
    import click

    from variance_bridge.terminal import laid_out

    if sys.stderr is None:
        return
    message, near = error.format_message(), None
    if isinstance(error, click.NoSuchOption):
        message, near = error.message, nearest(error.option_name, error.possibilities or [])
        near = near or _other_name(error)
    message = message.replace("\n\t", " ")  # the choices that click lists one below the other
    for argument in sorted(arguments, key=len, reverse=True):
        shown = _repeated(argument, arguments)
        if argument and not argument.startswith("-") and shown != argument:
            message = re.sub(rf"(?<![\w-]){re.escape(argument)}(?![\w-])", shown, message)
    parts = [f"Error: {printable(message)}"]
    path = _command_path(error, arguments)
    if isinstance(error, click.NoSuchOption) and (better := _after_its_command(error, arguments)):
        parts.append(f"  options of a command come after it: `{better}`")
        path = " ".join(better.split()[:2])
    elif near:
        parts.append(f"  did you mean `{near}`?")
    if path:
        parts.append(f"  `{path} --help` explains the command")
    for part in parts:
        _print(laid_out(part, sys.stderr))


_OTHER_OPTIONS = {
    **dict.fromkeys(("--interval", "--period", "--seconds", "--minutes"), "--every"),
    **dict.fromkeys(("--symbol", "--ticker", "--underlying"), "--root"),
    **dict.fromkeys(("--order", "--order-by", "--sort-by"), "--sort"),
}
"""What other programs call an option, and what ours is called."""


def _other_name(error: click.NoSuchOption) -> str | None:
    """The option that the command has in place of the one that was typed."""
    ours = _OTHER_OPTIONS.get(error.option_name)
    options = error.ctx.command.params if error.ctx is not None else ()
    return ours if any(ours in each.opts for each in options) else None


def _after_its_command(error: click.NoSuchOption, arguments: Sequence[str]) -> str | None:
    """`variance show --account HASH` for `variance --account x show`; without a command that of the dashboard."""
    import click

    from variance_bridge.cli.home import dashboard
    from variance_bridge.cli.subcommands import variance

    if error.ctx is None or error.ctx.command is not variance:
        return None
    context = click.Context(variance, resilient_parsing=True)
    known = variance.list_commands(context)
    name = next((word for word in arguments if word in known), None) or dashboard()
    command = variance.get_command(context, name)
    for option in command.params if command else ():
        if isinstance(option, click.Option) and error.option_name in option.opts:
            value = option.metavar or error.option_name.lstrip("-").upper()
            return f"variance {name} {error.option_name}{'' if option.is_flag else f' {value}'}"
    return None


def _command_path(error: click.ClickException, arguments: Sequence[str]) -> str:
    """The command that was called; click does not say it of an option without its value."""
    import click

    from variance_bridge.cli.subcommands import variance

    context: click.Context | None = getattr(error, "ctx", None)
    if context is not None:
        return context.command_path
    first = next((word for word in arguments if not word.startswith("-")), "")
    known = variance.list_commands(click.Context(variance))
    return f"variance {first}" if first in known else ""


def _repeated(argument: str, arguments: Sequence[str]) -> str:
    """An argument as a usage error repeats it: what was typed a second ago is no secret to the one who typed it.

    But behind `auth set` a secret may stand by mistake, and errors are pasted into public issues.
    """
    # Imported here: only a refusal needs it, and a start without one is faster.
    from variance_bridge.masking import as_typed, shown_path
    from variance_bridge.personal_values import MASK

    if "auth" in arguments:
        return MASK
    return shown_path(argument) if _is_there(argument) else as_typed(argument, marks="")


def _is_there(name: str) -> bool:
    from pathlib import Path

    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False


def _report_failed_output(error: OSError) -> int:
    """A full disk behind `variance schema > file` is for the user to fix."""
    _close_stdout()
    _print(f"Error: the output cannot be written: {os.strerror(error.errno or 0)}")
    return OUTPUT_FAILED


def _report_system_error(error: OSError) -> int:
    """What the operating system refused is no bug: permissions, limits, a disk that is gone. Its message may hold a path."""
    from variance_bridge.storage.filesystem import reason

    if not _has_working_folder():
        _print(
            "Error: the working folder does not exist any more\n  Change to one that exists (`cd`)."
        )
        return OUTPUT_FAILED
    _print(f"Error: the operating system reports: {reason(error)}")
    _print_frames(error)
    return OUTPUT_FAILED


def _has_working_folder() -> bool:
    from pathlib import Path

    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _print_bug(error: Exception) -> None:
    _print(f"Error: this is a bug in variance-bridge ({type(error).__name__}). Please report it.")
    _print_frames(error)


def _print_frames(error: BaseException) -> None:
    """Where in the code it was raised: files, lines and functions, no values."""
    import traceback

    for place in traceback.extract_tb(error.__traceback__)[-6:]:
        _print(f"  {'/'.join(place.filename.split('/')[-2:])}:{place.lineno} in {place.name}")


def _close_stdout() -> None:
    """Send the rest to nowhere, so that the interpreter does not report the same failure again when it exits."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
