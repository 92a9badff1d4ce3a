"""A plugin is code, so the first use of a third party's plugin asks: who made it, where it talks to, what it is given.

What a plugin declares is known only after its module was imported; that happens in an environment without secrets
(`variance_bridge.plugins.isolation`). Before the answer is yes it gets no credential, no session and no settings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import attrs

from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.storage.private import exclusive_lock, read_private, write_private

FILE_NAME: Final = "consents.json"
_TITLE: Final = "the record of consents"


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


@attrs.frozen(kw_only=True)
class Asking:
    """What a plugin is and wants.

    Attributes:
        name: the entry point's name: the broker's.
        distribution: the installed package, as `pip` calls it.
        version: of that package.
        hosts: where it may talk to.
        credentials: the names of the secrets that it is given.
    """

    name: str
    distribution: str
    version: str
    hosts: tuple[str, ...] = attrs.field(converter=_sorted)
    credentials: tuple[str, ...] = attrs.field(converter=_sorted)


class Decision(StrEnum):
    """Whether a plugin may be used."""

    BUILT_IN = "comes with Variance Bridge"
    CONFIGURED = "allowed by the configuration"
    GIVEN = "allowed before"
    ASK = "needs a yes"


@attrs.frozen
class Verdict:
    """The decision, and for `ASK` what is new since the last yes; nothing new for a plugin that was never allowed."""

    decision: Decision
    news: tuple[str, ...] = ()


def decide(
    asking: Asking, *, built_in: Collection[str], allow: Collection[str], given: Sequence[Asking]
) -> Verdict:
    """Whether a plugin may be used without asking.

    Args:
        asking: what it is and wants.
        built_in: distributions that are made with the core.
        allow: `[plugins] allow`: distributions, with `==VERSION` behind the name for that version only.
        given: what was allowed before. A yes holds for one version, for these hosts and credentials and fewer.
    """
    distribution = _normal(asking.distribution)
    if distribution in {_normal(name) for name in built_in}:
        return Verdict(Decision.BUILT_IN)
    if any(_allows(entry, distribution, asking.version) for entry in allow):
        return Verdict(Decision.CONFIGURED)
    earlier = [
        one
        for one in given
        if one.name == asking.name and _normal(one.distribution) == distribution
    ]
    if not earlier:
        return Verdict(Decision.ASK)
    news = tuple(_news(asking, earlier[-1]))
    return Verdict(Decision.ASK, news) if news else Verdict(Decision.GIVEN)


def question(asking: Asking, verdict: Verdict) -> str:
    """What the user is asked, in lines."""
    lines = [
        f"The plugin `{asking.name}` ({asking.distribution} {asking.version}) is not part of Variance Bridge.",
        "It is a program that runs with your rights.",
        f"It talks to: {', '.join(asking.hosts) or 'no host'}",
        f"It is given: {', '.join(asking.credentials) or 'no credential'}",
    ]
    if verdict.news:
        lines.append(f"New since you allowed it: {'; '.join(verdict.news)}")
    return "\n".join(lines)


def refusal(asking: Asking) -> ConfigurationError:
    """The error of a run in which nobody said yes."""
    return ConfigurationError(
        f"the plugin {asking.distribution} {asking.version} has not been allowed",
        hint=f'Run it once on a terminal, say --yes, or add `allow = ["{asking.distribution}"]` under [plugins].',
    )


def read_consents(folder: Path) -> tuple[Asking, ...]:
    """What was allowed before; nothing when there is no record.

    Raises:
        ConfigurationError: others can change the record, or it is damaged.
    """
    from variance_bridge.document import exact_json

    path = folder / FILE_NAME
    try:
        return _parse_all(exact_json.loads(read_private(path, _TITLE)))
    except FileNotFoundError:
        return ()
    except (DataRefused, KeyError, TypeError, ValueError):
        damaged = ConfigurationError(
            f"{_TITLE} is damaged",
            where=str(path),
            hint="Remove it; plugins are asked for again then.",
        )
    raise damaged


def record_consent(folder: Path, asking: Asking, now: datetime) -> None:
    """Keep a yes; it takes the place of an earlier one for the same plugin.

    Raises:
        ConfigurationError: it cannot be written.
    """
    from variance_bridge.document import exact_json

    with exclusive_lock(folder):
        others = [
            one
            for one in read_consents(folder)
            if (one.name, one.distribution) != (asking.name, asking.distribution)
        ]
        entries = [attrs.asdict(one) for one in others]
        entries.append({**attrs.asdict(asking), "allowed_at": now.isoformat(timespec="seconds")})
        text = exact_json.dumps(entries)
        write_private(folder / FILE_NAME, text, _TITLE, replace=True)


def _parse_all(entries: Any) -> tuple[Asking, ...]:
    if not isinstance(entries, list):
        raise TypeError
    return tuple(_parse(entry) for entry in entries)


def _parse(entry: Any) -> Asking:
    fields = {name: entry[name] for name in ("name", "distribution", "version")}
    lists = {name: entry[name] for name in ("hosts", "credentials")}
    if not all(isinstance(value, str) for value in fields.values()):
        raise TypeError
    if not all(isinstance(one, str) for names in lists.values() for one in names):
        raise TypeError
    return Asking(**fields, **lists)


def _news(asking: Asking, earlier: Asking) -> Iterable[str]:
    if asking.version != earlier.version:
        yield f"version {asking.version} (was {earlier.version})"
    if hosts := sorted(set(asking.hosts) - set(earlier.hosts)):
        yield f"talks to {', '.join(hosts)}"
    if credentials := sorted(set(asking.credentials) - set(earlier.credentials)):
        yield f"is given {', '.join(credentials)}"


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
