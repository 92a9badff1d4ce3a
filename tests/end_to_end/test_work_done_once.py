"""On the way of a portfolio each piece of work is done once: the old file is read once, one document is made."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from variance_bridge.document import convert
from variance_bridge.document.exact_json import loads
from variance_bridge.pipeline import contradictory_rows, sync_account
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
    seen: dict[str, object] = {}

    def noting(module, name):
        original = getattr(module, name)

        def note(document, *rest):
            seen[name] = document
            return original(document, *rest)

        return note

    for module, name in (
        (sync_account, "seal"),
        (contradictory_rows, "check"),
        (sync_account, "pieces"),
    ):
        monkeypatch.setattr(module, name, noting(module, name))
    synced()

    assert seen["seal"] is seen["check"] is seen["pieces"]
    assert loads((folder / "out.json").read_bytes()) == seen["check"]


def test_a_document_that_was_changed_since_it_was_read_is_read_again(synced, monkeypatch, folder):
    """Whoever edits the file by hand while a sync runs finds what he wrote in `.prev`."""
    synced()
    file = folder / "out.json"
    edited = file.read_bytes() + b"\n"
    seal = sync_account.seal

    def edit_and_seal(*arguments):
        file.write_bytes(edited)
        seal(*arguments)

    monkeypatch.setattr(sync_account, "seal", edit_and_seal)
    synced()

    assert previous_path(file).read_bytes() == edited
