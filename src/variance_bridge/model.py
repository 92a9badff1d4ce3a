"""The lingua franca as Python classes: what one account holds, at one moment.

One class per object of the JSON form (docs/schema.md). None means unknown and is not written; zero means zero. Money,
prices, quantities and greeks are `Decimal`; times are aware and in UTC. Enumerations are closed here, because this is
what we write; the reading side (`variance_bridge.document.convert`) keeps words that it does not know apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

import attrs

from variance_bridge.symbology import Deliverable, InstrumentType, OptionType
from variance_bridge.symbology.instrument import Record

SCHEMA_VERSION = "1.1"
"""What is written. Documents of 1.0 are read as well: the members that are new in 1.1 are optional."""


_CENT = Decimal("0.01")
"""By how much two figures of a broker differ that were rounded apart."""


class Side(StrEnum):
    """Which way a position stands. The sign of a quantity lives here and nowhere else (FIX PosType, OFX POSTYPE)."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short."""
        return 1 if self is Side.LONG else -1


class Environment(StrEnum):
    """Which world the positions live in. One never passes for another."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    SIMULATOR = "simulator"


class Status(StrEnum):
    """Whether every row of the source was understood."""

    COMPLETE = "complete"
    PARTIAL = "partial"


class Timeliness(StrEnum):
    """How old the state is by nature, however quickly it was fetched."""

    LIVE = "live"
    DELAYED = "delayed"
    END_OF_DAY = "end_of_day"


class Route(StrEnum):
    """A detour that requests took because the user configured it."""

    PROXY = "proxy"
    NETRC = "netrc"


class Rejection(StrEnum):
    """Why a row was rejected. A closed list, so that no value of the row can ride along."""

    WRONG_CELL_COUNT = "wrong_cell_count"
    UNREADABLE_ROW = "unreadable_row"
    SYMBOL_MISSING = "symbol_missing"
    SYMBOL_UNREADABLE = "symbol_unreadable"
    TYPE_MISSING = "type_missing"
    TYPE_UNKNOWN = "type_unknown"
    QUANTITY_MISSING = "quantity_missing"
    QUANTITY_UNREADABLE = "quantity_unreadable"
    SIDE_MISSING = "side_missing"
    SIDE_UNKNOWN = "side_unknown"
    STRIKE_MISSING = "strike_missing"
    EXPIRATION_MISSING = "expiration_missing"
    NUMBER_UNREADABLE = "number_unreadable"
    DATE_UNREADABLE = "date_unreadable"
    MULTIPLIER_UNREADABLE = "multiplier_unreadable"
    TERMS_CONTRADICT = "terms_contradict"
    NUMBERS_CONTRADICT = "numbers_contradict"
    OUT_OF_RANGE = "out_of_range"

    @property
    def sentence(self) -> str:
        """The reason as people say it: `the quantity cannot be read`."""
        return _REJECTIONS.get(
            self.value, f"the {self.value.replace('_unreadable', '')} cannot be read"
        )


_REJECTIONS = {
    "wrong_cell_count": "wrong number of cells",
    "unreadable_row": "the row cannot be read",
    "symbol_missing": "no symbol",
    "type_missing": "no type of instrument",
    "type_unknown": "the type of instrument is not known",
    "quantity_missing": "no quantity",
    "side_missing": "neither long nor short",
    "side_unknown": "the word for long or short is not known",
    "strike_missing": "no strike",
    "expiration_missing": "no expiration",
    "number_unreadable": "a number cannot be read",
    "terms_contradict": "its terms contradict each other",
    "numbers_contradict": "its numbers contradict each other",
    "out_of_range": "a value is out of range",
}


class Caution(StrEnum):
    """What a reader should know of a row, or of the whole file, that was kept. Closed, like `Rejection`."""

    MULTIPLIER_UNKNOWN = "multiplier_unknown"
    ADJUSTED_DELIVERABLE = "adjusted_deliverable"
    COST_CONTRADICTED = "cost_contradicted"
    COST_MEANINGLESS = "cost_meaningless"
    COST_UNKNOWN = "cost_unknown"
    VALUE_CONTRADICTED = "value_contradicted"
    QUOTE_MISSING = "quote_missing"
    QUOTE_STALE = "quote_stale"
    QUOTE_CONTRADICTED = "quote_contradicted"
    QUOTE_UNUSABLE = "quote_unusable"
    NUMBER_UNREADABLE = "number_unreadable"
    DATE_UNREADABLE = "date_unreadable"
    TYPE_UNKNOWN = "type_unknown"
    SERIES_UNKNOWN = "series_unknown"
    SIGN_UNCONFIRMED = "sign_unconfirmed"
    BALANCES_DISAGREE = "balances_disagree"
    BALANCES_MISSING = "balances_missing"
    TOTAL_DISAGREES = "total_disagrees"
    POSSIBLY_TRUNCATED = "possibly_truncated"
    TIME_FROM_FILE = "time_from_file"
    TIME_CONTRADICTED = "time_contradicted"
    RESTRICTED = "restricted"
    POSITION_REPEATED = "position_repeated"
    MINOR_UNIT = "minor_unit"
    COUNTED_IN_CASH = "counted_in_cash"


_ROWS_MAY_BE_MISSING = {
    Caution.POSSIBLY_TRUNCATED: "the source may be cut off",
    Caution.TOTAL_DISAGREES: "the source's total is not the sum of its rows",
    Caution.BALANCES_DISAGREE: "the balances do not agree with the positions",
}


def missing_rows(cautions: Iterable[Caution]) -> Mapping[Caution, str]:
    """Those of the cautions that doubt the completeness of a document, each with its reason as the end of a sentence."""
    flagged = set(cautions)
    return {caution: words for caution, words in _ROWS_MAY_BE_MISSING.items() if caution in flagged}


class Counts(Record, frozen=True, kw_only=True):
    """Rows of the source. `fetched` = `normalized` + `closed` + `rejected`, always.

    Rows that are not positions (cash lines, totals, headings) are not counted as fetched. Rows of the source that the
    broker lists separately (lots) stay separate positions.
    """

    fetched: int
    normalized: int
    closed: int
    rejected: int


class PassedOver(Record, frozen=True, kw_only=True):
    """Rows of the source that are not positions, each kind counted; None where there are none of the kind. Since 1.1.

    Attributes:
        cash: of cash, whose amounts are in the balances where the source states the account's worth.
        pending: of money on its way.
        lots: tax lots of positions that have a row of their own.
        totals: of sums, subtotals too.
        ignored: of what the reader knows and leaves out.
        other_tables: lines of tables of another kind, of the whole source.
    """

    cash: int | None = None
    pending: int | None = None
    lots: int | None = None
    totals: int | None = None
    ignored: int | None = None
    other_tables: int | None = None


class RejectedRow(Record, frozen=True, kw_only=True):
    """A row that could not be read.

    Attributes:
        row: counted from 1 in the order of the source; the line number for a text file.
        symbol: only when it parses as the symbol of a listed contract, in canonical spelling.
        reason: why.
    """

    row: int
    reason: Rejection
    symbol: str | None = None


class Flag(Record, frozen=True, kw_only=True):
    """A caution about a kept row (`row`, `symbol`) or about the whole file (neither)."""

    caution: Caution
    row: int | None = None
    symbol: str | None = None


class Benchmark(Record, frozen=True, kw_only=True):
    """What betas are weighted against.

    Attributes:
        symbol: canonical, such as `SPY`.
        price: per unit; the price that `beta_delta` and `beta_gamma` of the document were computed with.
        as_of: the price's own time.
        source: the quote source.
    """

    symbol: str
    price: Decimal
    as_of: datetime | None = None
    source: str | None = None


class ExchangeRate(Record, frozen=True, kw_only=True):
    """What one unit of a currency is worth, as the broker states it. Since 1.1.

    Attributes:
        currency: ISO 4217.
        target: the currency that `rate` is in: the account's, as a rule.
        rate: units of `target` for one of `currency`.
        day: of the rate.
    """

    currency: str
    target: str
    rate: Decimal
    day: date


class Meta(Record, frozen=True, kw_only=True):
    """Where the positions come from, how old and how complete they are.

    Attributes:
        source: the broker's name in the registry.
        fetched_at: when the state was known to be true, aware, UTC.
        account_hash: 4 to 64 hex digits and `***`; set by the core, so None in what a broker's `normalize` returns.
        currency: ISO 4217, the account's base currency.
        timeliness: None counts as live.
        passed_over: None where the source has no rows but positions, or the reader does not count others.
        exchange_rates: those that the broker itself states, each currency once for a day.
        via: detours that requests took by configuration.
    """

    source: str
    fetched_at: datetime
    account_hash: str | None = None
    schema_version: str = SCHEMA_VERSION
    environment: Environment | None = None
    timeliness: Timeliness | None = None
    currency: str | None = None
    benchmark: Benchmark | None = None
    exchange_rates: tuple[ExchangeRate, ...] = ()
    status: Status | None = None
    counts: Counts | None = None
    passed_over: PassedOver | None = None
    rejected: tuple[RejectedRow, ...] = ()
    flags: tuple[Flag, ...] = ()
    via: tuple[Route, ...] = ()
    generator: str | None = None

    @property
    def missing_rows(self) -> Mapping[Caution, str]:
        """Why positions may be missing although each row was understood, each reason as the end of a sentence."""
        return missing_rows(flag.caution for flag in self.flags)


class Balances(Record, frozen=True, kw_only=True):
    """Money of the account, signed, in `currency`.

    `net_liquidating_value` is what would be left if all were closed at the marks; `cash` is negative on margin debit.
    `pending_cash` is on its way: positive when it comes in. It is not in `cash`.
    """

    currency: str
    net_liquidating_value: Decimal
    cash: Decimal
    buying_power: Decimal | None = None
    maintenance_requirement: Decimal | None = None
    pending_cash: Decimal | None = None
    as_of: datetime | None = None

    @property
    def sign_of_positions(self) -> str | None:
        """What says that the account holds something, as the end of a sentence; None where nothing does."""
        beyond_cash = self.net_liquidating_value - self.cash
        margin = self.maintenance_requirement
        # Cash on its way is part of the worth; some brokers count it only from the day on which it is settled.
        if min(abs(beyond_cash), abs(beyond_cash - (self.pending_cash or 0))) > _CENT:
            return "the account is worth more or less than its cash"
        if margin is not None and abs(margin) > _CENT:
            return "margin is required for what it holds"
        return None


class Quote(Record, frozen=True, kw_only=True):
    """Prices per unit. `as_of` is the price's own time, not the time of the fetch.

    `iv_rank` and `iv_percentile` are those of the underlying's implied volatility over a year, in percent (0 to 100).
    """

    bid: Decimal | None = None
    ask: Decimal | None = None
    mark: Decimal | None = None
    last: Decimal | None = None
    underlying_price: Decimal | None = None
    iv_rank: Decimal | None = None
    iv_percentile: Decimal | None = None
    as_of: datetime | None = None
    source: str | None = None


class Greeks(Record, frozen=True, kw_only=True):
    """Sensitivities of the whole position: unit value x multiplier x quantity x (+1 long, -1 short).

    Theta is per day, vega per volatility point, `beta_delta` in shares of the beta-weighting symbol;
    `implied_volatility` is a fraction (0.25 = 25 %) and, alone among them, not scaled.
    """

    delta: Decimal | None = None
    gamma: Decimal | None = None
    theta: Decimal | None = None
    vega: Decimal | None = None
    beta_delta: Decimal | None = None
    beta_gamma: Decimal | None = None
    implied_volatility: Decimal | None = None
    as_of: datetime | None = None
    source: str | None = None


_MAY_BE_CURVED = (InstrumentType.OPTION, InstrumentType.FUTURE_OPTION, InstrumentType.OTHER)
_CURVATURE = ("gamma", "theta", "vega", "beta_gamma")
_OF_CASH = (*_CURVATURE, "delta", "beta_delta")


class Holding(Record, frozen=True, kw_only=True):
    """One position of the account (an element of `positions` in the JSON form).

    `quantity` is positive, the direction is in `side`. `multiplier` is money per 1.00 of price per contract.
    `average_price` is per unit; `cost_basis` is the positive total paid (long) or received (short) to open;
    `market_value`, `unrealized_pl` and `day_pl` are signed money of the whole position, a short position being worth
    less than zero.
    """

    root: str
    symbol: str
    type: InstrumentType
    side: Side
    quantity: Decimal
    broker_symbol: str | None = None
    underlying: str | None = None
    option_type: OptionType | None = None
    strike: Decimal | None = None
    expiration: date | None = None
    expires_at: datetime | None = None
    multiplier: Decimal | None = None
    deliverable: Deliverable | None = None
    currency: str | None = None
    average_price: Decimal | None = None
    cost_basis: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pl: Decimal | None = None
    day_pl: Decimal | None = None
    opened_on: date | None = None
    sector: str | None = None
    quote: Quote | None = None
    greeks: Greeks | None = None

    @property
    def signed_quantity(self) -> Decimal:
        """Contracts, shares or coins, negative when short."""
        return self.quantity if self.side is Side.LONG else self.quantity.copy_negate()

    @property
    def profit(self) -> Decimal | None:
        """Its unrealized profit; None where unknown. Cash has none, nor has a money market fund: zero."""
        if self.unrealized_pl is None and self.is_like_cash:
            return Decimal(0)
        return self.unrealized_pl

    @property
    def is_like_cash(self) -> bool:
        """Whether its price does not move: cash, and a money market fund, whose price is 1.

        No source says "money market" in a column that all of them have, so the numbers decide: a fund that is worth exactly
        its quantity, and for which no cost is stated. Of a fund whose cost is stated, the profit is what the source says.
        """
        if self.type is InstrumentType.CASH:
            return True
        return (
            self.type is InstrumentType.FUND
            and self.side is Side.LONG
            and self.cost_basis is None
            and self.unrealized_pl is None
            and self.market_value is not None
            and self.market_value == self.quantity
        )

    @property
    def paid_to_open(self) -> Decimal | None:
        """Money that changed hands: positive for what was paid, negative for a credit; None where it is not known.

        A future is opened without paying for it: its cost, average price x quantity x multiplier, is its notional.
        """
        if self.cost_basis is None or self._is_notional:
            return None
        return self.cost_basis if self.side is Side.LONG else self.cost_basis.copy_negate()

    @property
    def _is_notional(self) -> bool:
        return self.type is InstrumentType.FUTURE and self.average_price is not None

    @property
    def zero_by_nature(self) -> tuple[str, ...]:
        """The greeks that are zero whatever the market does: known to be so, even where no source states them.

        Only options have curvature and time value (and `other` may be one); what is like cash has no delta either.
        """
        if self.type in _MAY_BE_CURVED:
            return ()
        return _OF_CASH if self.is_like_cash else _CURVATURE


@attrs.frozen(kw_only=True)
class Portfolio:
    """What one account holds at one moment: one document of the lingua franca.

    Attributes:
        warnings: what the user should read about this run, such as both figures of a disagreement that `meta.flags`
            names. The core shows each once, on stderr; none of it is written to the document.
    """

    meta: Meta
    positions: tuple[Holding, ...] = ()
    balances: Balances | None = None
    warnings: tuple[str, ...] = attrs.field(default=(), eq=False)

    @property
    def currency(self) -> str | None:
        """The account's currency, where `meta` or the balances state it."""
        if self.meta.currency is not None:
            return self.meta.currency
        return self.balances.currency if self.balances else None


def utc(moment: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: the time has no zone, so it names no instant.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError("a time without a zone names no instant")
    return moment.astimezone(UTC)
