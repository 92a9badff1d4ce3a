"""The lingua franca as classes, as a document (mappings and lists), and as bytes: one way in, one way out.

Nothing is judged here: what is written is judged as the document that it becomes, and what is read is judged before it
becomes classes (`variance_bridge.document.check`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import chain, groupby
from operator import lt
from typing import Any

import attrs
from msgspec import structs

from variance_bridge.document import exact_json
from variance_bridge.document.violation import Violation
from variance_bridge.errors import DataRefused
from variance_bridge.model import ExchangeRate, Flag, Holding, Portfolio, RejectedRow, Side, utc
from variance_bridge.symbology import InstrumentType, OptionType
from variance_bridge.symbology.instrument import Record

_ZERO = Decimal(0)
# Numbers, so that what rows are ordered by holds nothing that Python's collector of cycles would have to follow.
_TYPE_ORDER = {word: place for place, word in enumerate(InstrumentType)}
_RIGHT_ORDER = {word: place for place, word in enumerate((None, OptionType.CALL, OptionType.PUT))}
_SIDE_ORDER = {word: place for place, word in enumerate((Side.LONG, Side.SHORT))}


def in_canonical_order(holdings: Iterable[Holding]) -> tuple[Holding, ...]:
    """The positions in the order in which they are written, whatever order they came in.

    What is grouped together stands together, near expirations and low strikes first. Only positions that are alike in
    all that orders them are compared member by member.
    """
    # Most positions share root, type and expiration with others: finding a group is quicker than comparing all three again and again.
    groups: dict[tuple[Any, ...], list[Holding]] = {}
    for holding in holdings:
        groups.setdefault(_group(holding), []).append(holding)
    return tuple(chain.from_iterable(_in_order(groups[group]) for group in sorted(groups)))


def _group(holding: Holding) -> tuple[Any, ...]:
    return (holding.root, _TYPE_ORDER[holding.type], holding.expiration or date.min)


def _in_order(rows: list[Holding]) -> list[Holding]:
    """The positions of one group in their order."""
    places = list(map(_place, rows))
    if all(map(lt, places, places[1:])):  # What was written by us is in order already.
        return rows
    order = sorted(range(len(rows)), key=places.__getitem__)
    ordered: list[Holding] = []
    for _place_of_all, alike in groupby(order, key=places.__getitem__):
        ties = [rows[at] for at in alike]
        ordered += sorted(ties, key=_whole) if len(ties) > 1 else ties
    return ordered


def _place(holding: Holding) -> tuple[Any, ...]:
    return (
        holding.strike or _ZERO,
        _RIGHT_ORDER[holding.option_type],
        holding.symbol,
        _SIDE_ORDER[holding.side],
        holding.opened_on or date.min,
        holding.quantity,
    )


def _whole(holding: Holding) -> bytes:
    return exact_json.dumps(_unstructure(holding), indent=None)


def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`, microseconds only where there are any."""
    moment = moment if moment.tzinfo is UTC else utc(moment)
    return moment.isoformat().removesuffix("+00:00") + "Z"


# Times recur: options of one day expire at the same time, quotes are of the same moment.
_instant_text = lru_cache(maxsize=4096)(instant_text)


def instant(text: str) -> datetime:
    """The instant that an RFC 3339 text names, in UTC.

    Raises:
        ValueError: no such date or time, or no zone.
    """
    return utc(datetime.fromisoformat(text))


_MOMENTS = ("expires_at", "as_of", "fetched_at")
_KEPT = (Decimal, datetime)
_TIMED = ("quote", "greeks", "benchmark")
"""Members that are records with a moment of their own."""


def _unstructure(record: Record) -> dict[str, Any]:
    """A record as a mapping. Unknown members (None, and lists of nothing) are left out."""
    import msgspec

    members: dict[str, Any] = msgspec.to_builtins(record, builtin_types=_KEPT)
    _write_all_moments(members)
    return members


def _write_all_moments(members: dict[str, Any]) -> None:
    _write_moments(members)
    for name in _TIMED:
        if name in members:
            _write_moments(members[name])


def _write_moments(members: dict[str, Any]) -> None:
    """The moments of a record as texts in UTC, whatever zone a plugin has them in."""
    for name in _MOMENTS:
        if name in members:
            members[name] = _instant_text(members[name])


def canonical(portfolio: Portfolio) -> Portfolio:
    """The portfolio with positions, exchange rates, rejected rows and flags in the order in which they are written."""
    meta = portfolio.meta
    meta = structs.replace(
        meta,
        exchange_rates=tuple(sorted(meta.exchange_rates, key=_rate_place)),
        rejected=tuple(sorted(meta.rejected, key=_rejected_place)),
        flags=tuple(sorted(meta.flags, key=_flag_place)),
    )
    return attrs.evolve(portfolio, meta=meta, positions=in_canonical_order(portfolio.positions))


def _rate_place(rate: ExchangeRate) -> tuple[Any, ...]:
    return (rate.target, rate.currency, rate.day, rate.rate)


def _rejected_place(rejected: RejectedRow) -> tuple[Any, ...]:
    return (rejected.row, rejected.reason, rejected.symbol or "")


def _flag_place(flag: Flag) -> tuple[Any, ...]:
    """By row; those of the whole account at the end."""
    return (flag.row is None, flag.row or 0, flag.symbol or "", flag.caution)


def to_document(portfolio: Portfolio) -> dict[str, Any]:
    """The portfolio as mappings and lists, in canonical order. Unknown members are left out."""
    portfolio = canonical(portfolio)
    return {**around_positions(portfolio), "positions": position_mappings(portfolio.positions)}


def around_positions(portfolio: Portfolio) -> dict[str, Any]:
    """The document of a portfolio in canonical order without its positions, which stand at its end."""
    # The version is written even where it is the default.
    meta = {"schema_version": portfolio.meta.schema_version, **_unstructure(portfolio.meta)}
    lists = {name: list(value) for name, value in meta.items() if isinstance(value, tuple)}
    balances = portfolio.balances
    return {
        "meta": meta | lists,
        **({} if balances is None else {"balances": _unstructure(balances)}),
    }


def position_mappings(holdings: Iterable[Holding]) -> list[dict[str, Any]]:
    """The positions as they stand in a document."""
    import msgspec

    mappings: list[dict[str, Any]] = msgspec.to_builtins(list(holdings), builtin_types=_KEPT)
    for members in mappings:
        _write_all_moments(members)
    return mappings


def to_bytes(portfolio: Portfolio) -> bytes:
    """The portfolio as the text that is published. The same portfolio gives the same bytes."""
    return exact_json.dumps(to_document(portfolio))


def structure(document: Mapping[str, Any]) -> Portfolio:
    """The classes that a valid document stands for. Its list of positions holds the records afterwards.

    Raises:
        DataRefused: the document is not valid; `variance_bridge.document.check` says which rule it breaks.
    """
    import msgspec

    try:
        frame = msgspec.convert(_with_integers({**document, "positions": ()}), Portfolio)
        positions = document["positions"]
        # In place: each mapping is gone when it is a record. Both together would take twice the memory, and time.
        for place, position in enumerate(positions):
            positions[place] = msgspec.convert(position, Holding)
    except (msgspec.ValidationError, KeyError, TypeError, ValueError):
        raise DataRefused(
            "the document does not have the form of a positions file",
            hint="run `variance validate` on it: it names each place and rule",
        ) from None
    return attrs.evolve(frame, positions=tuple(positions))


def _with_integers(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document with its counts and row numbers as `int`: to JSON Schema 1.0 is an integer too.

    A document that does not state its version is of 1.0.
    """
    meta = document["meta"]
    lists = {
        name: [
            {**entry, "row": int(entry["row"])} if "row" in entry else entry for entry in meta[name]
        ]
        for name in ("rejected", "flags")
        if name in meta
    }
    counts = {
        name: {key: int(count) for key, count in meta[name].items()}
        for name in ("counts", "passed_over")
        if name in meta
    }
    return {**document, "meta": {"schema_version": "1.0", **meta, **counts, **lists}}


def from_bytes(data: bytes) -> tuple[Portfolio, tuple[str, ...]]:
    """Read a document: its portfolio, and what a reader should be warned of.

    A document of a later 1.y is read without the members that this version does not know, with one warning.

    Raises:
        DataRefused: not JSON, another major version, or not valid, in form or arithmetic; the message names the first
            places and rules.
    """
    from variance_bridge.document.check import check

    return _read(data, check)


def from_bytes_by_form(data: bytes) -> Portfolio:
    """Read a document whose arithmetic need not be right, because only what it names is looked at.

    Raises:
        DataRefused: not JSON, another major version, or not of the form of a document.
    """
    from variance_bridge.document.schema import check_schema

    return _read(data, check_schema)[0]


def _read(
    data: bytes, judge: Callable[[Any], list[Violation]]
) -> tuple[Portfolio, tuple[str, ...]]:
    from variance_bridge.document.check import refuse
    from variance_bridge.document.versions import for_this_version

    document, warnings = for_this_version(exact_json.loads(data))
    refuse(judge(document))
    return structure(document), warnings
