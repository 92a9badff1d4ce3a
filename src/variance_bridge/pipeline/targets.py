"""Which file a profile writes, so that two profiles without an `output` of their own never write one file. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
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
