"""`variance completion`: the script with which a shell completes the command, printed or installed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import ConfigurationError, UsageError
from variance_bridge.formatting import path_text
from variance_bridge.terminal import laid_out

PROGRAM = "variance"
VARIABLE = "_VARIANCE_COMPLETE"
"""Click's name for the variable in which the shell asks."""
_SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="\b\nExamples:\n  variance completion bash --install\n  variance completion zsh > ~/.zfunc/_variance"
)
@click.argument("shell", metavar="[SHELL]", required=False, type=click.Choice(_SHELLS))
@click.option("--install", is_flag=True, help="Write it where the shell looks, and print the path.")
@click.pass_obj
def completion(invocation: Invocation, shell: str | None, *, install: bool) -> None:
    """Complete commands, options, brokers, profiles, accounts, roots and files with the tab key.

    Prints the script, or installs it for your user. Your shell's start-up files are not changed. Without SHELL, it is
    the one that you log in to.
    """
    from click.shell_completion import get_completion_class

    from variance_bridge.cli.subcommands import variance

    shell = shell or _login_shell(invocation.environment)
    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"this version of click does not complete for {shell}")
    # `source` would start the shell to look at its version.
    shown = found(variance, {}, PROGRAM, VARIABLE)
    script = shown.source_template % shown.source_vars()
    if not install:
        click.echo(script)
        return
    file = _place(shell, invocation.environment)
    _write(file, script)
    click.echo(path_text(file))
    how = _how_to_begin(shell, file)
    click.echo(laid_out(how, sys.stderr, hanging=0) if sys.stderr else how, err=True)


def _login_shell(environment: Mapping[str, str]) -> str:
    """The shell that the system starts for this user, as the variable SHELL says."""
    name = Path(environment.get("SHELL", "")).name
    if name not in _SHELLS:
        raise UsageError(
            f"it is not known which shell you use. Choose from: {', '.join(_SHELLS)}",
            hint=f"for example: `variance completion {_SHELLS[0]} --install`",
        )
    return name


def _place(shell: str, environment: Mapping[str, str]) -> Path:
    """Where the shell looks for completions of one user: bash-completion's, fish's and zsh's custom folder."""
    home = Path(environment.get("HOME") or Path.home())
    if shell == "bash":
        data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
        return data / "bash-completion" / "completions" / PROGRAM
    if shell == "fish":
        configuration = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        return configuration / "fish" / "completions" / f"{PROGRAM}.fish"
    return home / ".zfunc" / f"_{PROGRAM}"


def _write(file: Path, script: str) -> None:
    """A file that is not ours stays."""
    from variance_bridge.storage.filesystem import reason
    from variance_bridge.storage.replace import replace_file

    try:
        if file.exists() and VARIABLE not in file.read_text(encoding="utf-8", errors="replace"):
            raise UsageError(
                "there is a file already, and it is not ours",
                where=path_text(file),
                hint="move it away, or print the script and put it where you like",
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, script.encode())
    except OSError as error:
        raise ConfigurationError(
            f"the completion cannot be installed: {reason(error)}", where=path_text(file)
        ) from None


def _how_to_begin(shell: str, file: Path) -> str:
    if shell == "zsh":
        return (
            "It works in new shells if ~/.zshrc has:\n"
            f"  `fpath+={file.parent}; autoload -Uz compinit && compinit`"
        )
    if shell == "bash":
        return f"It works in new shells (package bash-completion), and in this one after: `source {file}`"
    return "It works in new shells."
