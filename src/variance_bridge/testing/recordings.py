"""Recorded answers of a broker: the payloads that the conformance kit works from, as JSON files that can be committed.

A recording holds every answer that one sync got, or names the file that one sync read; when that was; and what the
author says it means (`expected`), written down from the broker's own screen and not from the plugin's output.

    {
      "format": 1,
      "title": "a long share, a short put and a closed position",
      "taken_at": "2026-01-15T15:00:00Z",
      "settings": {},
      "exchanges": [
        {"method": "GET", "url": "https://api.acme.example/v1/accounts", "status": 200, "json": {...}}
      ],
      "expected": [
        {"positions": [{"symbol": "SPY", "side": "long", "quantity": 100, "cost_basis": 45000}]}
      ]
    }

`expected` has one entry for each account, in the order of `Broker.accounts`. A broker that reads files has the member
`file`, a path relative to the recording, in place of `exchanges`; `text` holds a body that is not JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from variance_bridge.document import exact_json
from variance_bridge.document.convert import instant, instant_text
from variance_bridge.errors import BridgeError, DataRefused

FORMAT = 1

_MEMBERS = frozenset(
    {"format", "title", "taken_at", "settings", "exchanges", "file", "expected", "template"}
)
_EXCHANGE = frozenset({"method", "url", "status", "headers", "json", "text"})


@attrs.frozen(kw_only=True)
class Exchange:
    """One request and its answer. Neither the request's header fields nor its body are kept: they hold secrets.

    Attributes:
        url: with the query.
        headers: of the answer, names in lower case.
        body: of the answer, decoded.
    """

    method: str
    url: str
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""


@attrs.frozen(kw_only=True)
class Recording:
    """What one sync saw.

    Attributes:
        name: of its file, for messages.
        taken_at: where the clock stands at the beginning of a replay.
        settings: the broker's settings during the recording, as `--set` would give them.
        file_name: of the file that was read, for brokers that read files.
        file: its bytes; None for brokers that ask a network.
        expected: what it means, for each account; None while the author has not said.
        is_template: written by `variance plugin new` and not yet replaced.
    """

    name: str
    title: str = ""
    taken_at: datetime
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    exchanges: tuple[Exchange, ...] = ()
    file_name: str | None = None
    file: bytes | None = attrs.field(default=None, repr=False)
    expected: tuple[Mapping[str, Any], ...] | None = None
    is_template: bool = False


def read_recordings(folder: Path) -> tuple[Recording, ...]:
    """All recordings of a folder, by name.

    Raises:
        DataRefused: there is none, or one cannot be read.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise DataRefused(
            "there is no recording (*.json)",
            where=str(folder),
            hint="record a sync: variance_bridge.testing.record, see docs/conformance.md",
        )
    return tuple(read_recording(file) for file in files)


def read_recording(file: Path) -> Recording:
    """One recording.

    Raises:
        DataRefused: the file cannot be read, or is no recording; the message says what is wrong.
    """
    try:
        table = exact_json.loads(file.read_bytes())
        return _recording(table, file)
    except BridgeError as error:
        raise DataRefused(f"not a recording: {error.what}", where=file.name) from None
    except OSError as error:
        raise DataRefused(f"not a recording: {error.strerror}", where=file.name) from None


def _recording(table: Any, file: Path) -> Recording:
    _check_members(table, _MEMBERS, "the recording")
    if table.get("format") != FORMAT:
        raise DataRefused(f"`format` must be {FORMAT}")
    if ("exchanges" in table) == ("file" in table):
        raise DataRefused("it must have either `exchanges` or `file`")
    try:
        taken_at = instant(table["taken_at"])
    except (KeyError, TypeError, ValueError):
        raise DataRefused("`taken_at` must be a time in RFC 3339, with its zone") from None
    named = table.get("file")
    return Recording(
        name=file.name,
        title=str(table.get("title", "")),
        taken_at=taken_at,
        settings=table.get("settings", {}),
        exchanges=tuple(_exchange(entry) for entry in table.get("exchanges", ())),
        file_name=Path(named).name if named else None,
        file=(file.parent / named).read_bytes() if named else None,
        expected=_expected(table.get("expected")),
        is_template=bool(table.get("template", False)),
    )


def _expected(entries: Any) -> tuple[Mapping[str, Any], ...] | None:
    if entries is None:
        return None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataRefused("`expected` must be a list with one object for each account")
    return tuple(entries)


def _exchange(entry: Any) -> Exchange:
    _check_members(entry, _EXCHANGE, "an exchange")
    if ("json" in entry) and ("text" in entry):
        raise DataRefused("an exchange has either `json` or `text`")
    if not isinstance(entry.get("url"), str):
        raise DataRefused("an exchange needs its `url`")
    body = exact_json.dumps(entry["json"]) if "json" in entry else entry.get("text", "").encode()
    kind = {"content-type": "application/json"} if "json" in entry else {}
    return Exchange(
        method=entry.get("method", "GET"),
        url=entry["url"],
        status=entry.get("status", 200),
        headers={**kind, **entry.get("headers", {})},
        body=body,
    )


def _check_members(table: Any, known: frozenset[str], what: str) -> None:
    if not isinstance(table, dict):
        raise DataRefused(f"{what} must be a JSON object")
    unknown = sorted(table.keys() - known)
    if unknown:
        raise DataRefused(
            f"{what} has a member that is not known: {', '.join(unknown)} (known: {', '.join(sorted(known))})"
        )


def recording_text(recording: Recording) -> bytes:
    """A recording of exchanges as the text of its file."""
    table: dict[str, Any] = {
        "format": FORMAT,
        "title": recording.title,
        "taken_at": instant_text(recording.taken_at),
        "settings": dict(recording.settings),
        "exchanges": [_exchange_table(exchange) for exchange in recording.exchanges],
    }
    if recording.expected is not None:
        table["expected"] = [dict(entry) for entry in recording.expected]
    return exact_json.dumps(table, indent=2)


def _exchange_table(exchange: Exchange) -> dict[str, Any]:
    table: dict[str, Any] = {
        "method": exchange.method,
        "url": exchange.url,
        "status": exchange.status,
    }
    if exchange.headers:
        table["headers"] = dict(exchange.headers)
    try:
        table["json"] = exact_json.loads(exchange.body)
    except DataRefused:
        table["text"] = exchange.body.decode("utf-8", "replace")
    return table


def as_recordings(payloads: object) -> tuple[Recording, ...]:
    """What an author gave as `payloads`: a folder, or recordings.

    Raises:
        DataRefused: neither, or nothing.
    """
    if isinstance(payloads, str | Path):
        return read_recordings(Path(payloads))
    given = tuple(payloads) if isinstance(payloads, Sequence) else ()
    if given and all(isinstance(one, Recording) for one in given):
        return given
    raise DataRefused("`payloads` must be a folder with recordings, or a list of Recording")


def parse_body(body: bytes) -> Any:
    """A body as JSON, or as the text that it is."""
    try:
        return exact_json.loads(body)
    except DataRefused:
        return body.decode("utf-8", "replace")
