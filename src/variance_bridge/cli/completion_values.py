"""Values that the shell completes: what is installed, configured and held. Contacts no broker, imports no plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from msgspec import Struct

from variance_bridge.cli.invocation import Invocation
from variance_bridge.document.exact_json import MAX_BYTES, without_mark
from variance_bridge.document.newest_file import LIVE_FILES
from variance_bridge.errors import BridgeError
from variance_bridge.storage.read import read_bounded

Values = Callable[[Invocation], Iterable[str]]

MAX_FILES = 50
"""How many positions files are read while the user waits for the tab key."""


def with_values(command: click.Command) -> click.Command:
    """The command, its options knowing the values that the shell offers for them."""
    for parameter in command.params:
        values = _VALUES.get(parameter.name or "")
        if values is not None:
            parameter.type = _Offered(values)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            with_values(inner)
    return command


class _Offered(click.types.StringParamType):
    """A text for which the shell offers values; any other is taken as it is."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def shell_complete(
        self, ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The values that begin with what is typed; none where they cannot be found out."""
        invocation = ctx.find_object(Invocation)
        if invocation is None:
            return []
        try:
            found = list(self._values(invocation))
        except (BridgeError, OSError):
            return []
        typed = incomplete.casefold()
        return [CompletionItem(each) for each in found if each.casefold().startswith(typed)]


def broker_names() -> list[str]:
    """What `--broker` takes: the installed brokers, and those whose exports can be read."""
    from variance_bridge.plugins.registry import known_plugins, names

    installed = names()
    formats = (
        name for name, about in known_plugins("format").items() if about["broker"] in installed
    )
    return sorted({*installed, *formats})


def _brokers(_invocation: Invocation) -> Iterable[str]:
    return broker_names()


def _formats(_invocation: Invocation) -> Iterable[str]:
    from variance_bridge.plugins.registry import EXPORTS, names

    return names(EXPORTS)


def _profiles(invocation: Invocation) -> Iterable[str]:
    return invocation.configuration.stated.profiles


def _accounts(invocation: Invocation) -> Iterable[str]:
    """The hashes, and first the labels of those that have one, each as a word of the shell."""
    from variance_bridge.settings.account_labels import as_word

    hashes = dict.fromkeys(each.meta.account_hash for each in _documents(invocation))
    labels = invocation.account_labels(hashes).values()
    words = [*map(as_word, labels), *(each.removesuffix("***") for each in hashes)]
    return dict.fromkeys(filter(None, words))


def _roots(invocation: Invocation) -> Iterable[str]:
    return sorted({one.root for each in _documents(invocation) for one in each.positions})


def _columns(_invocation: Invocation) -> Iterable[str]:
    from variance_bridge.cli.tables.positions_filter_and_order import KEYS

    return KEYS


def _quotes(_invocation: Invocation) -> Iterable[str]:
    return ("none",)


_VALUES: dict[str, Values] = {
    "broker": _brokers,
    "profile": _profiles,
    "account": _accounts,
    "roots": _roots,
    "sort": _columns,
    "quotes": _quotes,
    "form": _formats,
}


class _Meta(Struct, frozen=True):
    account_hash: str


class _Held(Struct, frozen=True):
    root: str


class _Document(Struct, frozen=True):
    """Of a positions file, what is offered alone."""

    meta: _Meta
    positions: list[_Held]


def _documents(invocation: Invocation) -> list[_Document]:
    import msgspec

    found: list[_Document] = []
    for path in sorted(Path(invocation.output_folder).glob(LIVE_FILES))[:MAX_FILES]:
        try:
            text = without_mark(read_bounded(path, MAX_BYTES))
            found.append(msgspec.json.decode(text, type=_Document))
        except (BridgeError, msgspec.MsgspecError, RecursionError, ValueError):
            continue
    return found


def offered_files(incomplete: str) -> list[Any]:
    """Tells the shell to complete a file's name."""
    return [CompletionItem(incomplete, type="file")]
