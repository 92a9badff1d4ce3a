"""From rows to a portfolio, so that a row can be neither lost nor miscounted. Pure, but for a line in the log.

A row ends in exactly one of three ways: as a position, as closed, or in `meta.rejected` with a reason. The counts are
computed from these, and from nothing else.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

import attrs

from variance_bridge.broker import RawPortfolio
from variance_bridge.errors import BridgeError
from variance_bridge.minor_units import in_currency, is_comparable
from variance_bridge.model import (
    Balances,
    Caution,
    Counts,
    ExchangeRate,
    Flag,
    Holding,
    Meta,
    Portfolio,
    RejectedRow,
    Rejection,
    Status,
    Timeliness,
)
from variance_bridge.rows.holdings import MAX_SYMBOL_LENGTH
from variance_bridge.rows.instruments import OPTIONS
from variance_bridge.rows.members import Members
from variance_bridge.rows.response_body import list_of
from variance_bridge.rows.values import RowRejected

_LOG = logging.getLogger(__name__)

# Those of the schema. A text that it refuses would cost the whole document; here it costs its row.
_SYMBOL = re.compile(r"[A-Z0-9./^$][A-Z0-9 ./^$%&*+:'()#-]*")
_ROOT = re.compile(r"/?[A-Z0-9^$][A-Z0-9 .^$%&*+:'()#-]*")


class _Closed(Enum):
    CLOSED = "closed"


Closed: TypeAlias = Literal[_Closed.CLOSED]
"""What a reader of rows says of a position of quantity zero."""

CLOSED: Final = _Closed.CLOSED


@attrs.frozen(kw_only=True)
class Collected:
    """What became of the rows, in their order.

    Attributes:
        positions: the rows that are held.
        closed: how many rows are of quantity zero.
        rejected: the rows that could not be read, by number and reason.
        flags: the cautions of the positions.
    """

    positions: tuple[Holding, ...] = ()
    closed: int = 0
    rejected: tuple[RejectedRow, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def counts(self) -> Counts:
        """Of the rows."""
        normalized, rejected = len(self.positions), len(self.rejected)
        return Counts(
            fetched=normalized + self.closed + rejected,
            normalized=normalized,
            closed=self.closed,
            rejected=rejected,
        )

    def portfolio(
        self,
        raw: RawPortfolio,
        *,
        source: str,
        currency: str | None = None,
        balances: Balances | None = None,
        cautions: Iterable[Caution] = (),
        warnings: Iterable[str] = (),
        timeliness: Timeliness | None = None,
        exchange_rates: Iterable[ExchangeRate] = (),
    ) -> Portfolio:
        """The portfolio that `Broker.normalize` returns.

        Args:
            raw: what was fetched: its time and environment.
            source: the broker's name.
            currency: the account's, ISO 4217.
            balances: of the account.
            cautions: of the account as a whole, such as `Members.cautions` of its balances.
            warnings: what the user should read about this run (`Portfolio.warnings`).
            timeliness: how old the state is by nature; None counts as live.
            exchange_rates: those that the broker states.
        """
        meta = Meta(
            source=source,
            fetched_at=raw.fetched_at,
            environment=raw.environment,
            timeliness=timeliness,
            currency=currency,
            exchange_rates=tuple(exchange_rates),
            status=Status.PARTIAL if self.rejected else Status.COMPLETE,
            counts=self.counts,
            rejected=self.rejected,
            flags=(*self.flags, *(Flag(caution=caution) for caution in dict.fromkeys(cautions))),
        )
        return Portfolio(
            meta=meta, positions=self.positions, balances=balances, warnings=tuple(warnings)
        )


def collect(
    rows: Any,
    read_row: Callable[[Members], Holding | Closed],
    *,
    first: int = 1,
    nets: bool = False,
) -> Collected:
    """Read every row by itself.

    Args:
        rows: the list of rows, each an object. Leave out before what is not a position (totals, cash lines): all that
            is in the list is counted as fetched.
        read_row: gives the `Holding`, or `CLOSED`, or raises `RowRejected`. What it remembers with `Members.caution`
            becomes flags of the position. Any other exception is a fault of the plugin that shows with this row: it
            costs the row (`unreadable_row`), and its class and place are logged. So does anything else that it returns.
            Rejected too: a position whose quantity is not above zero, an option without strike or expiration, a symbol that
            the document cannot hold. Only a `BridgeError` gets through: it says that the answer as a whole is refused.
        first: the number of the first row: 1, or the line where a file's rows begin.
        nets: the broker has one row for a contract, whatever was bought and sold of it. A second row is then a fault of the
            answer, such as pages that overlap, and counts the contract twice: all its rows are flagged `position_repeated`.

    Raises:
        DataRefused: `rows` is not a list.
    """
    positions: list[Holding] = []
    numbers: list[int] = []
    rejected: list[RejectedRow] = []
    flags: list[Flag] = []
    closed = 0
    faults = _Faults()
    for number, row in enumerate(list_of(rows), start=first):
        members = Members(row)
        try:
            found = _read(row, members, read_row)
        except RowRejected as error:
            rejected.append(_rejected(number, error))
        except (BridgeError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this row alone
            faults.log(number, error)
            rejected.append(RejectedRow(row=number, reason=Rejection.UNREADABLE_ROW))
        else:
            if isinstance(found, Holding):
                positions.append(found)
                numbers.append(number)
                flags += [
                    Flag(caution=caution, row=number, symbol=found.symbol)
                    for caution in members.cautions
                ]
            else:
                closed += 1
    if nets:
        flags += _repeated(positions, numbers)
    return Collected(
        positions=tuple(positions), closed=closed, rejected=tuple(rejected), flags=tuple(flags)
    )


def _repeated(positions: list[Holding], numbers: list[int]) -> list[Flag]:
    """A flag for each row of a contract that has several."""
    symbols = Counter([held.symbol for held in positions])
    alike = [
        (held, number)
        for held, number in zip(positions, numbers, strict=True)
        if symbols[held.symbol] > 1
    ]
    times = Counter((held.type, held.symbol) for held, _number in alike)
    return [
        Flag(caution=Caution.POSITION_REPEATED, row=number, symbol=held.symbol)
        for held, number in alike
        if times[held.type, held.symbol] > 1
    ]


def _read(
    row: Any, members: Members, read_row: Callable[[Members], Holding | Closed]
) -> Holding | Closed:
    if type(row) is not dict and not isinstance(row, Mapping):
        raise RowRejected(Rejection.UNREADABLE_ROW)
    found = read_row(members)
    if found is CLOSED:
        return CLOSED
    _check(found)
    return _in_currency(found, members)


def _in_currency(found: Holding, members: Members) -> Holding:
    unit = members.unit
    if unit is None:
        return found
    if unit.currency is None:
        members.caution(Caution.NUMBER_UNREADABLE)
    elif not is_comparable(found, unit):
        raise RowRejected(Rejection.TERMS_CONTRADICT, symbol=found.symbol)
    elif unit.is_minor:
        members.caution(Caution.MINOR_UNIT)
    return in_currency(found, unit)


def _check(found: Holding) -> None:
    """Refuse what would cost the whole document."""
    if not isinstance(found, Holding):
        raise TypeError("a reader of rows returns a Holding or CLOSED")
    if not found.quantity.is_finite() or found.quantity <= 0:
        raise RowRejected(Rejection.OUT_OF_RANGE)
    if not _is_publishable(found):
        raise RowRejected(Rejection.SYMBOL_UNREADABLE)
    if found.type in OPTIONS and found.expiration is None:
        raise RowRejected(Rejection.EXPIRATION_MISSING, symbol=found.symbol)
    if found.type in OPTIONS and found.strike is None:
        raise RowRejected(Rejection.STRIKE_MISSING, symbol=found.symbol)


def _is_publishable(found: Holding) -> bool:
    return (
        _fits(_SYMBOL, found.symbol)
        and (found.underlying is None or _fits(_SYMBOL, found.underlying))
        and _fits(_ROOT, found.root)
    )


def _fits(pattern: re.Pattern[str], text: str) -> bool:
    return len(text) <= MAX_SYMBOL_LENGTH and pattern.fullmatch(text) is not None


def _rejected(number: int, error: RowRejected) -> RejectedRow:
    symbol = error.symbol if error.symbol and _fits(_SYMBOL, error.symbol) else None
    return RejectedRow(row=number, reason=error.reason, symbol=symbol)


class _Faults:
    """The faults of a plugin in one reading: each place is logged once, without a value."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, str]] = set()

    def log(self, number: int, error: Exception) -> None:
        fault = (type(error).__name__, _place(error.__traceback__))
        if fault not in self._logged:
            self._logged.add(fault)
            _LOG.warning(
                "row %d is rejected: the plugin failed on it with %s at %s", number, *fault
            )


def _place(traceback: TracebackType | None) -> str:
    """File and line of the innermost frame."""
    place = "an unknown place"
    while traceback is not None:
        file = PurePath(traceback.tb_frame.f_code.co_filename).name
        place = f"{file}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
