"""What a plugin may see and do before the user trusts it, and how the user is asked.

A plugin is code, so the first use of a third party's plugin asks: who made it, where it talks to, what it is given.
What it declares is known only after its module was imported. So other programs' secrets are taken out of the process's
environment before any foreign code is imported (`plugins.environment_secrets`), and before the answer is yes a plugin gets no
credential, no session and no settings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
from msgspec import Struct

from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.storage.private_files import exclusive_lock, read_private, write_private

if TYPE_CHECKING:
    from variance_bridge.broker import BrokerSpec, Clock, QuoteSourceSpec
    from variance_bridge.plugins.loading import LoadedListener, LoadedPlugin
    from variance_bridge.plugins.registry import Plugin
    from variance_bridge.settings.configuration import Configuration

Confirm = Callable[[str], bool]

FILE_NAME: Final = "consents.json"
_TITLE: Final = "the record of consents"


def trust_plugin(
    loaded: LoadedPlugin | LoadedListener,
    configuration: Configuration,
    clock: Clock,
    confirm: Confirm,
) -> None:
    """Return if the plugin is ours, allowed by the configuration, or the user says yes now or said so before.

    Raises:
        ConfigurationError: the user says no, or there is no terminal to ask on.
    """
    from variance_bridge.plugins.registry import is_built_in

    ask(_identity(loaded), is_built_in(loaded.plugin), configuration, clock=clock, confirm=confirm)


def trust_unread(
    plugin: Plugin,
    configuration: Configuration,
    clock: Clock,
    confirm: Confirm,
    *,
    is_command: bool = False,
    is_export: bool = False,
) -> None:
    """The same for a plugin's command or export format, which declares nothing, before it is imported.

    Raises:
        ConfigurationError: the user says no, or there is no terminal to ask on.
    """
    identity = PluginIdentity(
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        hosts=(),
        credentials=(),
        is_command=is_command,
        is_export=is_export,
    )
    ask(identity, False, configuration, clock=clock, confirm=confirm)


def ask(
    identity: PluginIdentity,
    is_built_in: bool,
    configuration: Configuration,
    *,
    clock: Clock,
    confirm: Confirm,
) -> None:
    """Return if the plugin may be used; ask where nobody has decided yet, and keep a yes."""
    verdict = decide(
        identity,
        built_in=[identity.distribution] if is_built_in else [],
        allow=configuration.stated.plugins.allow,
        given=read_consents(configuration.folder),
    )
    if verdict.decision is not Decision.ASK:
        return
    if not confirm(question(identity, verdict)):
        raise refusal(identity)
    record_consent(configuration.folder, identity, clock.now())


def _identity(loaded: LoadedPlugin | LoadedListener) -> PluginIdentity:
    from variance_bridge.plugins.loading import LoadedPlugin

    records: tuple[BrokerSpec | QuoteSourceSpec, ...] = ()
    if isinstance(loaded, LoadedPlugin):
        records = (loaded.broker, *loaded.quotes)
    return PluginIdentity(
        name=loaded.plugin.name,
        distribution=loaded.plugin.distribution,
        version=loaded.plugin.version,
        hosts=[host for record in records for host in record.hosts],
        credentials=[one.name for record in records for one in record.credentials],
        read_posts=[path for record in records for path in record.read_posts],
        credential_in_query=any(record.credential_in_query for record in records),
        keeps_connection=isinstance(loaded, LoadedPlugin) and loaded.broker.wakes is not None,
        listens=not records,
    )


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


@attrs.frozen(kw_only=True)
class PluginIdentity:
    """What a plugin is and wants.

    Attributes:
        name: the entry point's name: the broker's or the listener's.
        distribution: the installed package, as `pip` calls it.
        version: of that package.
        hosts: where it may talk to.
        credentials: the names of the secrets that it is given.
        read_posts: the paths that it reads by POST.
        credential_in_query: whether it sends a credential in the query of an address.
        keeps_connection: whether `variance watch` keeps a connection open, to hear of changes.
        listens: whether it is a listener, which is given the positions of every broker.
        is_command: whether it is a command of `variance`.
        is_export: whether it is a format of `variance export`, which is given the positions of the files that are exported.
    """

    name: str
    distribution: str
    version: str
    hosts: tuple[str, ...] = attrs.field(converter=_sorted)
    credentials: tuple[str, ...] = attrs.field(converter=_sorted)
    read_posts: tuple[str, ...] = attrs.field(default=(), converter=_sorted)
    credential_in_query: bool = False
    keeps_connection: bool = False
    listens: bool = False
    is_command: bool = False
    is_export: bool = False

    def is_same_plugin(self, other: PluginIdentity) -> bool:
        """Whether both are the same plugin of one distribution, whatever its version."""
        return self._key == other._key

    @property
    def _key(self) -> tuple[str, bool, bool, bool, str]:
        kinds = self.listens, self.is_command, self.is_export
        return (self.name, *kinds, _normal(self.distribution))


class Decision(StrEnum):
    """Whether a plugin may be used."""

    BUILT_IN = "comes with Variance Bridge"
    CONFIGURED = "allowed by the configuration"
    GIVEN = "allowed before"
    ASK = "needs a yes"


class Verdict(Struct, frozen=True):
    """The decision, and for `ASK` what is new since the last yes; nothing new for a plugin that was never allowed."""

    decision: Decision
    changes: tuple[str, ...] = ()


def decide(
    identity: PluginIdentity,
    *,
    built_in: Collection[str],
    allow: Collection[str],
    given: Sequence[PluginIdentity],
) -> Verdict:
    """Whether a plugin may be used without asking.

    Args:
        identity: what it is and wants.
        built_in: distributions that are made with the core.
        allow: `[plugins] allow`: distributions, with `==VERSION` behind the name for that version only.
        given: what was allowed before. A yes holds for one version, for these hosts and credentials and fewer.
    """
    distribution = _normal(identity.distribution)
    if distribution in {_normal(name) for name in built_in}:
        return Verdict(Decision.BUILT_IN)
    if any(_allows(entry, distribution, identity.version) for entry in allow):
        return Verdict(Decision.CONFIGURED)
    earlier = [one for one in given if one.is_same_plugin(identity)]
    if not earlier:
        return Verdict(Decision.ASK)
    changes = tuple(_changes_since(identity, earlier[-1]))
    return Verdict(Decision.ASK, changes) if changes else Verdict(Decision.GIVEN)


def question(identity: PluginIdentity, verdict: Verdict) -> str:
    """What the user is asked, in lines."""
    kinds = {"listener": identity.listens, "command": identity.is_command}
    kinds["export format"] = identity.is_export
    kind = next((kind for kind, holds in kinds.items() if holds), "plugin")
    lines = [
        f"The {kind} `{identity.name}` ({identity.distribution} {identity.version}) is not part of Variance Bridge.",
        "It is a program that runs with your rights.",
    ]
    if identity.listens:
        lines.append("It is given: the positions of every broker, after each sync")
    elif identity.is_export:
        lines.append("It is given: the positions of the files that you export")
    elif not identity.is_command:
        lines += [
            f"It talks to: {', '.join(identity.hosts) or 'no host'}",
            f"It is given: {', '.join(identity.credentials) or 'no credential'}",
        ]
    if identity.read_posts:
        lines.append(f"It reads by POST: {', '.join(identity.read_posts)}")
    if identity.credential_in_query:
        lines.append(
            "It sends a credential in the address of a request, which servers on the way may log."
        )
    if identity.keeps_connection:
        lines.append(
            "During `variance watch` it keeps a connection open to one of these hosts, which is sent the account numbers and"
            " the log-in, to hear of changes."
        )
    if verdict.changes:
        lines.append(f"New since you allowed it: {'; '.join(verdict.changes)}")
    return "\n".join(lines)


def refusal(identity: PluginIdentity) -> ConfigurationError:
    """The error of a run that was not allowed."""
    return ConfigurationError(
        f"the plugin {identity.distribution} {identity.version} has not been allowed",
        hint=f'Run it once on a terminal, say --yes, or add `allow = ["{identity.distribution}"]` under [plugins].',
    )


@attrs.frozen(kw_only=True)
class _Consent(PluginIdentity):
    """A yes, as it is kept; `allowed_at` is for the people who read the record."""

    allowed_at: str = ""


class _Record(Struct, frozen=True):
    """The record of consents."""

    entry: tuple[_Consent, ...]


def read_consents(folder: Path) -> tuple[PluginIdentity, ...]:
    """What was allowed before; nothing when there is no record.

    Raises:
        ConfigurationError: others can change the record, or it is damaged.
    """
    from variance_bridge.document import exact_json
    from variance_bridge.settings.table_to_class import structure

    path = folder / FILE_NAME
    try:
        entries = exact_json.loads(read_private(path, _TITLE))
    except FileNotFoundError:
        return ()
    except DataRefused as error:
        raise _damaged(path, error.what) from None
    try:
        return structure({"entry": entries}, _Record).entry
    except ConfigurationError as error:
        raise _damaged(path, error.what) from None


def _damaged(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_TITLE} is damaged ({what})",
        where=str(path),
        hint="Remove it; plugins are asked for again then.",
    )


def record_consent(folder: Path, identity: PluginIdentity, now: datetime) -> None:
    """Keep a yes; it takes the place of an earlier one for the same plugin.

    Raises:
        ConfigurationError: it cannot be written.
    """
    from variance_bridge.document import exact_json

    with exclusive_lock(folder):
        others = [one for one in read_consents(folder) if not one.is_same_plugin(identity)]
        allowed_at = now.isoformat(timespec="seconds")
        consent = _Consent(**attrs.asdict(identity), allowed_at=allowed_at)
        entries = [attrs.asdict(one) for one in (*others, consent)]
        text = exact_json.dumps(entries)
        write_private(folder / FILE_NAME, text, _TITLE, replace=True)


def _changes_since(identity: PluginIdentity, earlier: PluginIdentity) -> Iterable[str]:
    if identity.version != earlier.version:
        yield f"version {identity.version} (was {earlier.version})"
    if hosts := sorted(set(identity.hosts) - set(earlier.hosts)):
        yield f"talks to {', '.join(hosts)}"
    if credentials := sorted(set(identity.credentials) - set(earlier.credentials)):
        yield f"is given {', '.join(credentials)}"
    if paths := sorted(set(identity.read_posts) - set(earlier.read_posts)):
        yield f"reads by POST from {', '.join(paths)}"
    if identity.credential_in_query and not earlier.credential_in_query:
        yield "sends a credential in the address of a request"
    if identity.keeps_connection and not earlier.keeps_connection:
        yield "keeps a connection open during `variance watch`"


def _allows(entry: str, distribution: str, version: str) -> bool:
    name, pinned, wanted = entry.partition("==")
    return _normal(name) == distribution and (not pinned or wanted.strip() == version)


def _normal(distribution: str) -> str:
    """One spelling for a distribution's name (packaging.python.org, "Names and normalization")."""
    return "-".join(
        part
        for part in distribution.strip().lower().replace("_", "-").replace(".", "-").split("-")
        if part
    )
