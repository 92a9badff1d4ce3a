"""The command `variance`: its subcommands by name, from us and from plugins, imported when they are called."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from importlib import import_module
from typing import Any, cast

import click

from variance_bridge import __version__
from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import BridgeError, PluginError, UnknownPlugin, UsageError
from variance_bridge.plugins.registry import (
    COMMANDS,
    Plugin,
    find_plugin,
    is_built_in,
    names,
    plugins,
)

_OURS = {
    "accounts": (
        "variance_bridge.cli.accounts:accounts",
        "List your accounts, and how to choose one.",
    ),
    "auth": ("variance_bridge.cli.auth:auth", "Log in: keep credentials in the system keyring."),
    "brokers": (
        "variance_bridge.cli.brokers:brokers",
        "List what is installed, and whether it is ready.",
    ),
    "completion": (
        "variance_bridge.cli.completion:completion",
        "Set up tab completion in bash, zsh and fish.",
    ),
    "doctor": ("variance_bridge.cli.doctor:doctor", "Find what would stop a sync."),
    "export": ("variance_bridge.cli.export:export", "Write positions for other programs."),
    "fx": ("variance_bridge.cli.fx:fx", "Get exchange rates, for totals in one currency."),
    "init": ("variance_bridge.cli.init:init", "Choose your broker and a folder, once."),
    "plugin": ("variance_bridge.cli.plugin:plugin", "Write and check broker plugins."),
    "restore": ("variance_bridge.cli.restore:restore", "Put the previous positions file back."),
    "schema": ("variance_bridge.cli.schema:schema", "Print the JSON Schema."),
    "show": ("variance_bridge.cli.show:show", "Show positions as a table; sort, filter."),
    "sync": (
        "variance_bridge.cli.sync:sync",
        "Fetch positions from a broker or a file, and save them.",
    ),
    "watch": ("variance_bridge.cli.watch:watch", "Keep syncing, within the brokers' limits."),
    "validate": (
        "variance_bridge.cli.validate:validate",
        "Check positions files against the schema.",
    ),
}

_THEIRS = {
    "csv": "Explain how a broker's export is read.",
    "demo": "Look around with an invented account.",
    "diff": "What was opened, closed, changed, rolled or expired.",
    "fleet": "Many accounts, on many machines.",
    "history": "Net liquidity and profit over time.",
    "mcp": "Positions for assistants (Model Context Protocol).",
    "triage": "The dashboard: strategies, and what needs action.",
}
"""What our plugins' commands do, so that `--help` imports none of them. Another's is shown with who brings it."""

_SECTIONS = {
    "Every day": ("demo", "sync", "show", "triage", "watch", "history", "diff", "export"),
    "Set up": ("init", "auth", "accounts", "brokers", "doctor", "fx", "completion"),
    "Files": ("validate", "restore", "csv", "schema"),
}
_OTHERS = "More"

_EXAMPLES = """\b
Examples:
  variance demo                 look around; no account needed
  variance init                 choose a broker and a folder, once
  variance sync && variance     fetch, then the dashboard
  variance sync export.csv      the same from a file that you downloaded
  variance show --sort pl       a table, the largest profit first

`variance COMMAND --help` explains a command."""

_OTHER_WORDS = {
    **dict.fromkeys(("holdings", "list", "portfolio", "positions", "table"), "show"),
    **dict.fromkeys(("dash", "dashboard", "page", "report"), "triage"),
    **dict.fromkeys(("download", "fetch", "import", "pull", "refresh", "update"), "sync"),
    **dict.fromkeys(("config", "configure", "setup"), "init"),
    **dict.fromkeys(("check", "status"), "doctor"),
    "compare": "diff",
    "convert": "export",
    "login": "auth login",
    "logout": "auth clear",
    "undo": "restore",
    "version": "--version",
}
"""What people type who know other programs, and the command that does it."""

_FILE_ENDINGS = frozenset({".json", ".csv", ".prev"})


class ReaderGone(Exception):
    """The reader of our output has closed its end of the pipe (`variance show | head`), which is not an error."""


@contextmanager
def _reader_may_go() -> Iterator[None]:
    """Click and rich exit with 1 when they meet a closed pipe; this keeps it apart from a failure."""
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGone from error
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):
            raise ReaderGone from stop
        raise


class LazyGroup(click.Group):
    """Lists its commands without importing them; a plugin's command is imported inside a guard."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the options; `--help` and `--version` print from here."""
        with _reader_may_go():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _reader_may_go():
            return super().invoke(ctx)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Our commands and those of plugins, by name."""
        return sorted({*_OURS, *names(COMMANDS)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one command that is called. For the shell, which only completes, nothing is asked and no error said."""
        if not ctx.resilient_parsing:
            return self._command(ctx, cmd_name)
        from variance_bridge.cli.completion_values import with_values

        ctx.ensure_object(Invocation).asks = False
        try:
            command = self._command(ctx, cmd_name)
        except BridgeError:
            return None
        return command and with_values(command)

    def _command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _OURS:
            module, _, name = _OURS[cmd_name][0].partition(":")
            return cast("click.Command", getattr(import_module(module), name))
        invocation = ctx.ensure_object(Invocation)
        # A command is looked up before `variance` itself is called, which takes its options.
        invocation.config = invocation.config or ctx.params.get("config")
        invocation.isolate()
        return _plugin_command(cmd_name, invocation)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown command names the nearest known one, and a broken plugin its reason."""
        command = self.get_command(ctx, args[0])
        if command is not None or ctx.resilient_parsing:
            return args[0], command and _with_verbose(command), args[1:]
        if _names_file(args[0]):  # `variance FILE`: the dashboard of that file
            from variance_bridge.cli.home import dashboard

            name = dashboard()
            command = self.get_command(ctx, name)
            return name, command and _with_verbose(command), args
        if args[0] == "help":
            return self._help(ctx, args[1:])
        # Imported here: only a refusal needs it, and a start without one is faster.
        from variance_bridge.masking import as_typed

        raise UsageError(
            f"there is no command {as_typed(args[0])}",
            hint=_nearest(args[0], self.list_commands(ctx)),
        )

    def _help(
        self, ctx: click.Context, words: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """`variance help` and `variance help COMMAND`, as in other programs."""
        if words:
            return self.resolve_command(ctx, [*words, "--help"])
        click.echo(ctx.get_help())
        raise click.exceptions.Exit(0)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, by what commands are for; a third party's is named with its distribution."""
        rows = {p.name: _THEIRS.get(p.name, f"({p.distribution})") for p in plugins(COMMANDS)}
        rows |= {name: title for name, (_place, title) in _OURS.items()}
        width = max(map(len, rows))
        others = tuple(sorted(rows.keys() - {name for own in _SECTIONS.values() for name in own}))
        for section, listed in {**_SECTIONS, _OTHERS: others}.items():
            shown = [(name.ljust(width), rows[name]) for name in listed if name in rows]
            if shown:
                with formatter.section(section):
                    formatter.write_dl(shown)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The commands that begin so; a file where none does, as `variance FILE` shows it."""
        from variance_bridge.cli.completion_values import offered_files

        return super().shell_complete(ctx, incomplete) or offered_files(incomplete)


def _with_verbose(command: click.Command) -> click.Command:
    """The command, which takes `-v` behind its name too, unless it has a `-v` of its own. The original stays as it is."""
    taken = {name for param in command.params for name in param.opts}
    free = [name for name in ("-v", "--verbose") if name not in taken]
    taking = copy(command)
    if free:
        option = click.Option(
            free, count=True, hidden=True, expose_value=False, callback=_add_verbosity
        )
        taking.params = [*command.params, option]
    if isinstance(taking, click.Group):
        taking.commands = {name: _with_verbose(each) for name, each in taking.commands.items()}
    return taking


def _add_verbosity(ctx: click.Context, _option: click.Parameter, count: int) -> None:
    ctx.ensure_object(Invocation).verbosity += count


def _names_file(word: str) -> bool:
    from pathlib import Path

    file = Path(word)
    return file.suffix.lower() in _FILE_ENDINGS or file.exists()


def _plugin_command(name: str, invocation: Invocation) -> click.Command | None:
    try:
        plugin = _command_plugin(name, invocation)
    except UnknownPlugin:
        return None
    if not is_built_in(plugin):
        invocation.trust_command(plugin)
    # Imported here: a command of our own starts without it.
    from variance_bridge.plugins.guard import guarded

    with guarded(str(plugin), f"cannot bring the command `{name}`"):
        command = plugin.load()
    if not isinstance(command, click.Command):
        raise PluginError(f"{plugin} brings something as `{name}` that is not a click command")
    return command


def _command_plugin(name: str, invocation: Invocation) -> Plugin:
    """The plugin that brings a command; one of ours is not displaced by another of its name."""
    found = [plugin for plugin in plugins(COMMANDS) if plugin.name == name]
    ours = [plugin for plugin in found if is_built_in(plugin)]
    if len(found) > 1 and len(ours) == 1:
        others = " and ".join(str(plugin) for plugin in found if plugin not in ours)
        invocation.warn(f"{others} brings a command `{name}` too; it is not used")
        return ours[0]
    return find_plugin(name, COMMANDS, what="command")


def _nearest(word: str, names: Sequence[str]) -> str:
    from variance_bridge.formatting import nearest

    other = _OTHER_WORDS.get(word.casefold(), "")
    if other.split(" ")[0] in {*names, "--version"}:
        return f"did you mean `variance {other}`?"
    near = word.casefold() if word.casefold() in names else nearest(word, names)
    if near is None or (word.isupper() and near != word.casefold()):
        from variance_bridge.cli.tables.positions_filter_and_order import may_be_root

        if may_be_root(word):
            return f"for the positions of a symbol: `variance show --root {word.upper()}`"
    return f'did you mean "{near}"?' if near else "`variance --help` lists the commands"


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="variance-bridge %(version)s")
@click.option("--config", type=click.Path(dir_okay=False), help="Configuration file to read.")
@click.option(
    "-v", "--verbose", count=True, help="Show more detail; repeat (-vv) to log every request."
)
@click.option("--sync", "sync_first", is_flag=True, help="Sync, then show.")
@click.option("--demo", is_flag=True, help="The same as the command `demo`.")
@click.option("--json", "as_json", is_flag=True, help="The dashboard as one JSON object.")
@click.option("--csv", "newest_csv", is_flag=True, help="Show the newest CSV in the folder.")
@click.pass_context
def variance(ctx: click.Context, /, **options: Any) -> int | None:
    """Read your positions from any broker into one format that programs can trust. Read-only.

    Without a command: the dashboard of all accounts.
    """
    invocation = ctx.ensure_object(Invocation)
    invocation.config, invocation.verbosity = options["config"], options["verbose"]
    from variance_bridge.terminal import forced_colour

    ctx.color = forced_colour(os.environ)
    if ctx.invoked_subcommand is not None:
        if any(options[name] for name in ("sync_first", "demo", "newest_csv", "as_json")):
            raise UsageError(
                "`--sync`, `--demo`, `--csv` and `--json` stand alone",
                hint="without a command or a file; for a file: `variance sync FILE`",
            )
        return None
    from variance_bridge.cli.home import home

    return home(
        ctx,
        sync_first=options["sync_first"],
        demo=options["demo"],
        newest_csv=options["newest_csv"],
        as_json=options["as_json"],
    )
