"""On the way of a portfolio each piece of work is done once: the old file is read once, each position is made a mapping once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from variance_bridge.document import convert
from variance_bridge.document.exact_json import loads
from variance_bridge.pipeline import draft, sync_account
from variance_bridge.storage.lock import previous_path

_watchers: list[tuple[str, list[str]]] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook cannot be removed; it does nothing while nobody watches."""
    if event != "open" or not _watchers:
        return
    path, _mode, flags = arguments
    if not isinstance(path, str | bytes | os.PathLike) or not isinstance(flags, int):
        return
    for name, opened in _watchers:
        if Path(os.fsdecode(path)).name == name:
            opened.append("read" if flags & os.O_ACCMODE == os.O_RDONLY else "written")


@contextmanager
def openings_of(name: str) -> Iterator[list[str]]:
    if _hook not in _installed:
        sys.addaudithook(_hook)
        _installed.append(_hook)
    opened: list[str] = []
    _watchers.append((name, opened))
    try:
        yield opened
    finally:
        _watchers.pop()


_installed: list[object] = []


@pytest.fixture
def synced(variance, export, folder):
    def run(*options: str) -> None:
        done = variance(
            "sync", "--broker", "csv", "--input", export, "--output", "out.json", *options
        )
        assert done.code == 0, done.err

    return run


@pytest.mark.parametrize("options", [(), ("--json",), ("--dry-run",)], ids=" ".join)
def test_the_file_that_is_replaced_is_read_once(synced, folder, options):
    synced()
    before = (folder / "out.json").read_bytes()

    with openings_of("out.json") as opened:
        synced(*options)

    assert opened == ["read"]
    if "--dry-run" not in options:
        assert previous_path(folder / "out.json").read_bytes() == before


@pytest.mark.parametrize("options", [(), ("--json",)], ids=" ".join)
def test_a_portfolio_becomes_a_document_once_and_is_ordered_once(synced, monkeypatch, options):
    ordered: list[int] = []
    monkeypatch.setattr(
        convert,
        "in_canonical_order",
        lambda holdings, order=convert.in_canonical_order: ordered.append(1) or order(holdings),
    )

    synced(*options)

    assert ordered == [1]


def test_what_is_sealed_and_checked_is_what_is_written(synced, monkeypatch, folder):
    """Object by object: no position is made a second time in order to be searched, checked or written."""
    seen: dict[str, list[object]] = {}

    def noting(name, positions_of):
        original = getattr(draft, name)

        def note(first, *rest):
            seen.setdefault(name, []).extend(positions_of(first))
            return original(first, *rest)

        monkeypatch.setattr(draft, name, note)

    def written(document):
        blocks = list(document["positions"])
        seen["pieces"] = [position for block in blocks for position in block]
        return pieces({**document, "positions": iter(blocks)})

    pieces = draft.pieces
    monkeypatch.setattr(draft, "pieces", written)
    noting("is_valid", lambda document: document["positions"])
    noting("each_agrees_with_itself", lambda positions: positions)
    noting("distinct_texts", lambda document: document.get("positions", ()))
    synced()

    made = seen.pop("pieces")
    assert made
    assert len(seen) == 3
    for positions in seen.values():
        assert list(map(id, positions)) == list(map(id, made))
    document = loads((folder / "out.json").read_bytes())
    assert document["positions"] == made


def test_a_document_that_was_changed_since_it_was_read_is_read_again(synced, monkeypatch, folder):
    """Whoever edits the file by hand while a sync runs finds what he wrote in `.prev`."""
    synced()
    file = folder / "out.json"
    edited = file.read_bytes() + b"\n"
    refuse = sync_account.refuse

    def edit_and_refuse(*arguments):
        file.write_bytes(edited)
        refuse(*arguments)

    monkeypatch.setattr(sync_account, "refuse", edit_and_refuse)
    synced()

    assert previous_path(file).read_bytes() == edited
