"""Which file a sync writes, so that two profiles without an `output` of their own never write one file, nor two accounts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from variance_bridge.settings.configuration import Configuration, ProfileTable

if TYPE_CHECKING:
    from variance_bridge.pipeline.previous_document import PreviousDocument

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


class HeldAccounts:
    """Which files of a folder hold which accounts. They are read once, when the first account is asked for."""

    def __init__(self, target: PreviousDocument, source: str) -> None:
        """Nothing is read yet.

        Args:
            target: `live_<slug>.json`; the names of the others begin as its name.
            source: the broker's name.
        """
        self._target = target
        self._source = source

    def file_of(self, account: str) -> Path | None:
        """The file that holds the account of that hash, of several the newest; None where none does."""
        # Imported here: `show` asks this module for names alone.
        from variance_bridge.pipeline.overwrite import is_same_hash

        fitting = [held for held in self._held if is_same_hash(held.account, account)]
        return max(fitting, key=lambda held: held.fetched_at).path if fitting else None

    @cached_property
    def _held(self) -> Sequence[_Held]:
        from variance_bridge.pipeline.previous_document import PreviousDocument

        target = self._target.path
        others = sorted(target.parent.glob(f"{target.stem}_*.json"))
        found = []
        for document in (self._target, *map(PreviousDocument, others)):
            meta = document.outline.meta if document.outline is not None else None
            if meta is not None and meta.account_hash and meta.source == self._source:
                found.append(_Held(document.path, meta.account_hash, meta.fetched_at))
        return found


class _Held(Struct, frozen=True):
    path: Path
    account: str
    fetched_at: datetime


def named_after(target: Path, account: str) -> Path:
    """`live_<slug>_<hash>.json`, the account's own file where each account has one."""
    return target.with_name(f"{target.stem}_{account.removesuffix('***')}.json")
