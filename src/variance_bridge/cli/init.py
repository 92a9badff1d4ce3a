"""`variance init`: the first configuration, asked for on a terminal or given by options."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import BridgeError, ConfigurationError, UsageError
from variance_bridge.formatting import path_text, printable

if TYPE_CHECKING:
    from variance_bridge.broker import BrokerSpec

_HEAD = "# Written by `variance init`. All keys: `variance doctor` shows what is used; docs/configuration.md has the rest.\n"
Answer = TypeVar("Answer")

_HISTORY = "history"
"""The listener that keeps a history of positions."""


@click.command(
    epilog="Example: variance init --broker NAME --positions ~/positions --yes",
)
@click.option("--broker", help="An installed broker, or a format that one of them reads.")
@click.option(
    "--positions",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for positions files.",
)
@click.option(
    "--history/--no-history",
    default=None,
    help="Keep each document, so that `variance diff` can say what changed; yes where the plugin is installed.",
)
@click.option(
    "--force", is_flag=True, help="Replace a variance.toml; the old one is kept beside it."
)
@click.option("--yes", is_flag=True, help="Ask nothing; take the defaults.")
@click.pass_obj
def init(
    invocation: Invocation,
    broker: str | None,
    positions: Path | None,
    *,
    history: bool | None,
    force: bool,
    yes: bool,
) -> None:
    """Write variance.toml: which broker, where positions files are kept, and whether their history is.

    On a terminal it asks for what the options leave open. It never asks for a secret: use
    `variance auth login`.
    """
    asks = not yes and _on_terminal()
    set_up(invocation, broker, positions, history=history, asks=asks, force=force)


def offer_setup(invocation: Invocation, options: Mapping[str, Any]) -> None:
    """On a terminal, where nothing says which broker a sync is of: set it up now, if the user wants to."""
    configuration = invocation.configuration
    if options.get("broker") or options.get("profile") or not _on_terminal():
        return
    if configuration.top("broker").value or configuration.top("profile").value:
        return
    click.echo("Nothing is set up yet.", err=True)
    if _confirmed("Choose a broker and a folder now?"):
        set_up(invocation, None, None, history=None, asks=True, force=False)
        del invocation.configuration  # read again, with what was written


def set_up(
    invocation: Invocation,
    broker: str | None,
    positions: Path | None,
    *,
    history: bool | None,
    asks: bool,
    force: bool,
) -> None:
    """Write the configuration file. What is None is asked for, again where the answer cannot be used, or takes its default.

    Where the broker reads files, the folder of the exports is asked for too.

    Raises:
        UsageError: there is one already; no broker was named, and there is a choice.
        UnknownPlugin: no installed broker has the name; there is no plugin for the history that was asked for.
        ConfigurationError: it cannot be written.
    """
    from variance_bridge.broker import Capability
    from variance_bridge.settings.configuration import configuration_file

    file = configuration_file(invocation.folder, invocation.config, invocation.environment)
    _check_free(file, asks=asks, force=force)
    if broker is None:
        name, settings = _chosen_broker(invocation, asks=asks)
    else:
        name, settings = _resolved(invocation, broker)
    spec = invocation.registry.load(name).broker
    if asks and Capability.READS_FILES in spec.capabilities and (exports := _exports_folder()):
        settings = {**settings, "input_folder": str(exports)}
    folder = _chosen_folder(asks=asks) if positions is None else _usable_folder(str(positions))
    keeps_history = _is_history_wanted(history, asks=asks)
    text = _text(name, settings, folder, keeps_history=keeps_history)
    _write(file, text)
    click.echo(f"Wrote {path_text(file.absolute())}")
    click.echo(f"Positions are kept in {path_text(folder)}", err=True)
    if keeps_history:
        click.echo("So is their history: `variance history`, `variance diff`", err=True)
    click.echo(f"Next: {_next_command(invocation, spec, settings)}", err=True)


def _on_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _check_free(file: Path, *, asks: bool, force: bool) -> None:
    if force or not (file.exists() or file.is_symlink()):
        return
    shown = path_text(file.absolute())
    if asks and _confirmed(f"Replace {shown}? The old one is kept beside it.", default=False):
        return
    raise UsageError(
        "there is a configuration already; it was not changed",
        where=shown,
        hint="edit it, or replace it with `variance init --force`",
    )


def _chosen_broker(invocation: Invocation, *, asks: bool) -> tuple[str, Mapping[str, Any]]:
    """The broker that the user picks from a list, with its settings; the only installed one is not asked for."""
    names = invocation.registry.names
    if not names:
        raise ConfigurationError(
            "no broker is installed",
            hint="install one, for example: pip install 'variance-bridge[csv]'",
        )
    if len(names) == 1:
        return names[0], {}
    if not asks:
        raise UsageError(
            f"no broker was named (installed: {', '.join(names)})",
            hint="for example: variance init --broker NAME --yes",
        )
    click.echo("Where do your positions come from?", err=True)
    for place, listing in enumerate(invocation.registry.brokers(), 1):
        title = listing.loaded.broker.title if listing.loaded else listing.state.value
        click.echo(printable(f"  {place}  {listing.name:<12} {title}"), err=True)

    def picked(answer: str) -> tuple[str, Mapping[str, Any]]:
        word = answer.strip().lower()
        if word.isdecimal() and not 1 <= int(word) <= len(names):
            raise UsageError(f"the numbers go from 1 to {len(names)}")
        name = names[int(word) - 1] if word.isdecimal() else word
        found = _resolved(invocation, name)
        invocation.registry.load(found[0])
        return found

    return _asked("Number or name", picked)


def _asked(
    question: str,
    use: Callable[[str], Answer],
    default: str | None = None,
    *,
    shows_default: bool = True,
) -> Answer:
    """What the answer of the user means; asked again, with what is wrong, until `use` accepts it. Ctrl-D ends the command."""

    def used(answer: str) -> Answer:
        try:
            return use(answer)
        except BridgeError as error:
            hint = f"\n  {error.hint}" if error.hint else ""
            raise click.UsageError(printable(f"{error}{hint}")) from error

    answer: Answer = click.prompt(
        question, default=default, show_default=shows_default, value_proc=used, err=True
    )
    return answer


def _confirmed(question: str, *, default: bool = True) -> bool:
    """Yes or no, asked again after any other answer."""

    def used(answer: str) -> bool:
        word = answer.strip().casefold()
        if word not in {"y", "yes", "n", "no"}:
            raise UsageError("answer y or n")
        return word.startswith("y")

    shown = f"{question} [{'Y/n' if default else 'y/N'}]"
    return _asked(shown, used, default="y" if default else "n", shows_default=False)


def _resolved(invocation: Invocation, name: str) -> tuple[str, Mapping[str, Any]]:
    """The broker and its settings; for the name of a format, the broker that reads it.

    Raises:
        UnknownPlugin: no installed broker has the name, and no known format.
    """
    from variance_bridge.plugins.registry import find_plugin, known_plugins

    about = known_plugins("format").get(name)
    installed = invocation.registry.names
    if name not in installed and about is not None and about["broker"] in installed:
        return about["broker"], about["settings"]
    find_plugin(name)
    return name, {}


def _chosen_folder(*, asks: bool) -> Path:
    """`positions` of the working folder where it is there, else a folder of the user's data; asked for on a terminal."""
    from variance_bridge.settings.configuration import POSITIONS, data_folder

    usual = POSITIONS.absolute() if POSITIONS.is_dir() else data_folder() / POSITIONS
    if asks:
        return _asked("Folder for positions files", _usable_folder, default=str(usual))
    return _usable_folder(str(usual))


def _exports_folder() -> Path | None:
    """Where the exports are that the user downloads; None where a file is to be named at each sync."""

    def used(answer: str) -> Path | None:
        if not answer.strip():
            return None
        try:
            folder = Path(answer.strip()).expanduser().absolute()
        except RuntimeError:
            raise UsageError("there is no such user") from None
        question = f"{path_text(folder)} is not there. Use it anyway?"
        if not folder.is_dir() and not _confirmed(question, default=False):
            raise UsageError("name another folder, or none")
        return folder

    question = "Folder of the exports that you download (Enter: name the file at each sync)"
    return _asked(question, used, default="", shows_default=False)


def _usable_folder(name: str) -> Path:
    """The folder, made where it is not there.

    Raises:
        ConfigurationError: it cannot be made, or nothing can be written in it.
        UsageError: variance.toml cannot hold its name.
    """
    from variance_bridge.storage.filesystem import reason

    try:
        folder = Path(name).expanduser().absolute()
        str(folder).encode()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except UnicodeEncodeError:
        raise UsageError(
            "TOML cannot hold the name of this folder", where=path_text(folder)
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        why = reason(error) if isinstance(error, OSError | ValueError) else "there is no such user"
        raise ConfigurationError(
            f"the folder cannot be made: {why}",
            where=path_text(Path(name)),
            hint="choose another folder",
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(
            "you may not write in this folder",
            where=path_text(folder),
            hint="choose another folder",
        )
    return folder


def _is_history_wanted(stated: bool | None, *, asks: bool) -> bool:
    """As stated; else where the plugin is installed, unless the user at the terminal says no."""
    from variance_bridge.plugins.registry import LISTENERS, find_plugin, names

    if stated:
        find_plugin(_HISTORY, LISTENERS, what="listener")
    if stated is not None or _HISTORY not in names(LISTENERS):
        return bool(stated)
    question = "Keep a history, so that `variance diff` can say what changed?"
    return not asks or _confirmed(question)


def _text(name: str, settings: Mapping[str, Any], folder: Path, *, keeps_history: bool) -> str:
    from variance_bridge.settings.last_sync import toml_text

    lines = [f"broker = {toml_text(name)}", f"output_dir = {toml_text(str(folder))}"]
    if keeps_history:
        lines.append(f"listeners = [{toml_text(_HISTORY)}]")
    if settings:
        lines += ["", f"[brokers.{name}]"]
        lines += [f"{key} = {toml_text(str(value))}" for key, value in settings.items()]
    return _HEAD + "\n".join(lines) + "\n"


def _write(file: Path, text: str) -> None:
    """The new file in the old one's place; the old one stays as `variance.toml.old`."""
    from variance_bridge.storage.filesystem import reason
    from variance_bridge.storage.private_files import write_private

    try:
        if file.exists():
            file.replace(file.with_name(f"{file.name}.old"))
    except OSError as error:
        raise ConfigurationError(
            f"the configuration cannot be written: {reason(error)}", where=path_text(file)
        ) from None
    write_private(file, text.encode(), "the configuration", replace=True)


def _next_command(invocation: Invocation, spec: BrokerSpec, settings: Mapping[str, Any]) -> str:
    """What to type next: a login where a credential is missing, a file where the broker reads files, else a sync."""
    from variance_bridge.broker import Capability
    from variance_bridge.settings.credential_owner import Login

    if "input_folder" in settings:
        return "variance sync    (reads the newest export of each account in that folder)"
    if Capability.READS_FILES in spec.capabilities:
        return "variance sync FILE    (an export that you have downloaded)"
    states = invocation.credentials.states(Login(spec.name), spec.credentials)
    if any(one.required and one.origin is None for one in states):
        return f"variance auth login --broker {spec.name}"
    return "variance sync"
