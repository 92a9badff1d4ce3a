"""The book that a command shows when no file is named: the positions files of all accounts, and the profiles that have none yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from variance_bridge.errors import DataRefused
from variance_bridge.pipeline.output_file import broker_of, sharing, target_of
from variance_bridge.reading.book import LIVE_FILES, Book, Source
from variance_bridge.settings.configuration import Configuration


def live_files(configuration: Configuration) -> Sequence[Path]:
    """The files of the output folder, and those that profiles write elsewhere, as far as they are there."""
    profiles = configuration.stated.profiles.values()
    own = [Path(each.output) for each in profiles if each.output is not None]
    folder: Path = configuration.positions_folder().value
    listed = [*sorted(folder.glob(LIVE_FILES)), *own]
    return list(dict.fromkeys(path for path in listed if path.is_file()))


def with_unsynced(book: Book, configuration: Configuration) -> Book:
    """The book with an entry for each profile that has no document yet: the totals lack its account."""
    missing = [
        Source(
            file=_place(configuration, name),
            error=DataRefused(
                f"the profile `{name}` has not been synced yet",
                hint=f"run `variance sync --profile {name}`, or `variance sync --all`",
            ),
        )
        for name in _unsynced(book, configuration)
    ]
    return attrs.evolve(book, sources=(*book.sources, *missing))


def _unsynced(book: Book, configuration: Configuration) -> Iterator[str]:
    shared = sharing(configuration)
    files = {Path(source.file).resolve() for source in book.sources}
    names = {file.name for file in files}
    brokers = {each.snapshot.portfolio.meta.source for each in book.sources if each.snapshot}
    unreadable = any(each.snapshot is None for each in book.sources)
    for name, profile in configuration.stated.profiles.items():
        if profile.output is not None:
            synced = Path(profile.output).resolve() in files
        elif name in shared:
            # The slug is known to the plugin alone, which is not imported to read a file.
            ending = target_of(configuration, profile, "").stem.removeprefix("live_")
            synced = any(f"{ending}." in each or f"{ending}_" in each for each in names)
        else:
            synced = unreadable or broker_of(configuration, profile) in brokers
        if not synced:
            yield name


def _place(configuration: Configuration, name: str) -> str:
    return configuration.stated.profiles[name].output or f"[profiles.{name}]"
