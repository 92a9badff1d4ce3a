"""What a sync is asked for, what it tells as it goes along, and what becomes of each account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from variance_bridge.broker import Session
from variance_bridge.errors import BridgeError, OlderPositions
from variance_bridge.model import Portfolio
from variance_bridge.pipeline.broker_choice import Choice

if TYPE_CHECKING:
    from variance_bridge.pipeline.draft import Draft

NO_QUOTES = "none"


class SyncRequest(Struct, frozen=True, kw_only=True):
    """What the user asked for.

    Attributes:
        choice: broker, profile, account, input file, settings.
        output: the file to write; None for `live_<slug>.json` in the configured folder; `STANDARD_STREAM` for none: the
            caller writes the document.
        quotes: a quote source, "none", or None for the configured one.
        all_accounts: one file per account.
        strict: refuse what would be a caution about numbers, and any rejected row.
        allow_empty: let an empty portfolio replace positions.
        dry_run: do everything but write.
    """

    choice: Choice
    output: Path | None = None
    quotes: str | None = None
    all_accounts: bool = False
    strict: bool = False
    allow_empty: bool = False
    dry_run: bool = False


class Synced(Struct, frozen=True, kw_only=True):
    """One account's outcome.

    Attributes:
        path: where it was (or, in a dry run, would have been) written.
        draft: what was (or, in a dry run, would have been) written.
        published: False in a dry run.
        note: what an empty portfolio means; None otherwise.
        positions_before: where rows could not be read, how many the complete document held that this one replaces (or, in
            a dry run, would replace); None otherwise.
    """

    path: Path
    portfolio: Portfolio
    draft: Draft
    published: bool
    note: str | None = None
    positions_before: int | None = None


class Failed(Struct, frozen=True, kw_only=True):
    """One account of several that could not be synced; the others were.

    Attributes:
        account: its hash; "" where the account could not be found out.
        error: why not; its file is as it was.
    """

    account: str
    error: BridgeError


class Skipped(Struct, frozen=True, kw_only=True):
    """An account of a folder that has newer positions already than its newest export there.

    Attributes:
        account: its hash.
        file: the name of the export, as messages may show it.
        error: what a sync of that export alone would be refused with.
    """

    account: str
    file: str
    error: OlderPositions


Result = Synced | Failed | Skipped


class Progress(Struct, frozen=True, kw_only=True):
    """Told as the sync goes along; does nothing by default.

    Attributes:
        stage: a stage begins; its name and what it is about.
        accounts: how many accounts are done, of how many, and the hash of the next one of several.
        session: the session whose statistics tell requests and retries.
    """

    stage: Callable[[str, str], None] = lambda _stage, _detail: None
    accounts: Callable[[int, int, str], None] = lambda _done, _of, _next: None
    session: Callable[[Session], None] = lambda _session: None
