"""Which file a sync writes, so that two profiles without an `output` of their own never write one file, nor two accounts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from variance_bridge.settings.configuration import Configuration, ProfileTable

_NOT_IN_A_NAME = r"[^A-Za-z0-9-]+"


def target_of(configuration: Configuration, profile: ProfileTable, slug: str) -> Path:
    """The file that a sync of the profile writes: its own `output`, else one in the output folder.

    That is `live_<slug>.json`, or `live_<slug>_<profile>.json` where another profile of the same broker has no `output`
    either.
    """
    if profile.output is not None:
        return Path(profile.output)
    name = next((n for n, each in sharing(configuration).items() if each is profile), None)
    suffix = f"_{re.sub(_NOT_IN_A_NAME, '-', name)}" if name else ""
    folder: Path = configuration.positions_folder().value
    return folder / f"live_{slug}{suffix}.json"


def sharing(configuration: Configuration) -> Mapping[str, ProfileTable]:
    """The profiles without an `output` of their own whose broker has another such profile."""
    without = {n: p for n, p in configuration.stated.profiles.items() if p.output is None}
    counts = Counter(broker_of(configuration, each) for each in without.values())
    return {n: p for n, p in without.items() if counts[broker_of(configuration, p)] > 1}


def broker_of(configuration: Configuration, profile: ProfileTable) -> str | None:
    """The name of the profile's broker; the configured one where it names none."""
    return profile.broker or configuration.top("broker").value


def file_of_account(target: Path, source: str, account: str) -> Path | None:
    """The file of the folder that holds the account, of several the newest; None where none does.

    Args:
        target: `live_<slug>.json`; the names of the others begin as its name.
        source: the broker's name.
        account: the account's hash.
    """
    # Imported here: `show` asks this module for names alone.
    from variance_bridge.pipeline.overwrite import is_same_hash
    from variance_bridge.pipeline.previous_document import PreviousDocument

    found: Path | None = None
    newest: datetime | None = None
    for path in (target, *sorted(target.parent.glob(f"{target.stem}_*.json"))):
        old = PreviousDocument(path).outline
        held = old.meta.account_hash if old is not None and old.meta.source == source else None
        if old is None or held is None or not is_same_hash(held, account):
            continue
        if newest is None or old.meta.fetched_at > newest:
            found, newest = path, old.meta.fetched_at
    return found


def named_after(target: Path, account: str) -> Path:
    """`live_<slug>_<hash>.json`, the account's own file where each account has one."""
    return target.with_name(f"{target.stem}_{account.removesuffix('***')}.json")
