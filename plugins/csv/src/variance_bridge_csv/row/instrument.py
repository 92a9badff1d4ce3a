"""What a row is a position in: its symbol, its type and its terms, brought together and cross-checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from msgspec import Struct, structs

from variance_bridge import symbology
from variance_bridge.model import Caution, Rejection
from variance_bridge.symbology import (
    DateOrder,
    Instrument,
    InstrumentType,
    OptionType,
    SymbolError,
    futures_product,
    instrument_type_of,
    listed_option,
    parse,
)
from variance_bridge_csv.dialect_format import regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field, SymbolRules
from variance_bridge_csv.name_matching import plain
from variance_bridge_csv.row.cell_values import CellFault, option_type_of
from variance_bridge_csv.row.columns import RowCells, RowRejected

T = TypeVar("T")

MAX_SYMBOL_LENGTH = 128
_MAX_DTE = 4_000
_WEEKEND = (5, 6)

_SYMBOL = re.compile(r"[A-Z0-9./^$][A-Z0-9 ./^$%&*+:'()#-]{0,63}")
_FIGURE = re.compile(r"[0-9]")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 ./^$%&*+:'()#-]+")
_BY_A_SPREADSHEET = re.compile(
    r"#[A-Z/0]{2,7}[!?]?|[0-9](?:[.,][0-9]+)?E[+-]?[0-9]+|[0-9]{1,2}-[A-Z][a-z]{2}(?:-[0-9]{2,4})?|[A-Z][a-z]{2}-[0-9]{2}"
)
"""What a spreadsheet program makes of a symbol: `#NAME?`, `9.13E+08`, `1-Mar`."""
_CALL_OR_PUT = re.compile(r"[0-9].*\b(?:CALL|PUT)\b|\b(?:CALL|PUT)\b.*[0-9]")
_FUTURE_CODE = re.compile(r"[A-Z0-9]{1,4}[FGHJKMNQUVXZ][0-9]{1,2}")
_ROOT = re.compile(r"(?=.{1,64}\Z)/?[A-Z0-9^$][A-Z0-9 .^$%&*+:'()#-]*")

_OPTION_KINDS = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION})
_CAUTION_OF = {
    Rejection.DATE_UNREADABLE: Caution.DATE_UNREADABLE,
    Rejection.NUMBER_UNREADABLE: Caution.NUMBER_UNREADABLE,
    Rejection.UNREADABLE_ROW: Caution.TYPE_UNKNOWN,
}
_CONTRACTS = _OPTION_KINDS | {InstrumentType.FUTURE}
_PLAIN = frozenset({InstrumentType.STOCK, InstrumentType.OTHER})
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_SYMBOL_CELL = Field.SYMBOL
_TYPE = Field.TYPE
_OPTION_TYPE = Field.OPTION_TYPE
_UNDERLYING = Field.UNDERLYING
_STRIKE = Field.STRIKE
_EXPIRATION = Field.EXPIRATION
_OTHER = InstrumentType.OTHER
_OPTION = InstrumentType.OPTION
_FUTURE = InstrumentType.FUTURE
_FUTURE_OPTION = InstrumentType.FUTURE_OPTION
_STOCK = InstrumentType.STOCK
_CRYPTO = InstrumentType.CRYPTO


class Identity(Struct):
    """An instrument, as the broker spelled it, and the multiplier where the symbol's text tells one."""

    instrument: Instrument
    spelled: str
    multiplier: Decimal | None = None


class _Terms(Struct):
    """What the columns beside the symbol say."""

    kind: InstrumentType | None
    kind_unknown: bool
    default: InstrumentType | None
    infer: bool
    underlying: str | None
    currency: str | None = None
    option_type: OptionType | None = None
    strike: Decimal | None = None
    expiration: date | None = None
    is_counted: bool = False
    """The expiration is counted from the day of the file."""
    advice: str = ""
    """What would tell the expiration."""
    date_order: DateOrder | None = None
    """How the dialect writes dates with slashes, and so does its symbol column."""


def identify(row: RowCells, as_of: date, kind: InstrumentType | None = None) -> Identity:
    """The instrument of a position row.

    Args:
        row: the row.
        kind: what the dialect says that rows like this one are.
        as_of: the day of the file; it tells the decade of a year with one digit.

    Raises:
        RowRejected: the symbol or the terms are missing, unreadable, or contradict each other.
    """
    spelled = row.text(_SYMBOL_CELL)
    if spelled is None:
        return _described(row, kind, as_of)
    if len(spelled) > MAX_SYMBOL_LENGTH:
        raise RowRejected(Rejection.SYMBOL_UNREADABLE, _SYMBOL_CELL)
    if row.row.contradicted is not None:
        raise RowRejected(Rejection.TERMS_CONTRADICT, row.row.contradicted)
    symbol, multiplier = _symbol(spelled, row.dialect.symbol)
    terms = _terms(row, kind, symbol, as_of)
    instrument = (
        _option(symbol, terms, as_of) if _is_option(terms) else _other(symbol, terms, as_of)
    )
    if instrument is not None and instrument.type is _FUTURE:
        instrument = _future(instrument, terms, row.row.symbol_text, as_of)
    if instrument is None or not _can_be_written(instrument):
        if _BY_A_SPREADSHEET.fullmatch(symbol) and (option := _described_option(row, as_of)):
            return Identity(option, spelled)
        raise _unreadable(row, symbol, terms, as_of)
    if terms.kind_unknown and instrument.type is _OTHER:
        row.cautions.append((Caution.TYPE_UNKNOWN, _TYPE))
    return Identity(instrument, spelled, multiplier)


def _described(row: RowCells, kind: InstrumentType | None, as_of: date) -> Identity:
    """What has no symbol: a bond, a pool in a 401(k). Its description names it, where the dialect says that there are such rows."""
    said = row.text(Field.DESCRIPTION) if row.dialect.symbol.by_description else None
    if said is not None and kind is not InstrumentType.BOND and _CALL_OR_PUT.search(said):
        option = _described_option(row, as_of)
        if option is None:
            why = "an option, and the description does not tell which series"
            raise RowRejected(Rejection.SYMBOL_MISSING, _SYMBOL_CELL, why)
        return Identity(option, said)
    name = " ".join(_NOT_IN_NAMES.sub(" ", said or "").split())
    found = parse_symbol(name, InstrumentType.BOND, as_of) if name else None
    if said is None or found is None or not _can_be_written(found):
        raise RowRejected(Rejection.SYMBOL_MISSING, _SYMBOL_CELL)
    if kind is not InstrumentType.BOND:
        found = structs.replace(found, type=_OTHER, root=found.symbol)
    return Identity(found, said)


def _described_option(row: RowCells, as_of: date) -> Instrument | None:
    """The option that a description spells out. Of an index and of an adjusted one the symbol alone tells the series."""
    said = row.text(Field.DESCRIPTION) if row.dialect.symbol.by_description else None
    found = parse_symbol(said, _OPTION, as_of) if said else None
    if found is None or found.deliverable is not symbology.Deliverable.STANDARD:
        return None
    return None if found.expiration is None or symbology.index_of(found.root) else found


def _unreadable(row: RowCells, symbol: str, terms: _Terms, as_of: date) -> RowRejected:
    """The rejection of a symbol, with what is wrong with it, and what to add to the export where a column would help."""
    if _BY_A_SPREADSHEET.fullmatch(symbol):
        why = "a spreadsheet program has overwritten it: export the positions again, and do not save them from there"
        return RowRejected(Rejection.SYMBOL_UNREADABLE, Field.SYMBOL, why)
    names = row.dialect.columns.get(Field.UNDERLYING, ())
    on_future = terms.kind is InstrumentType.FUTURE_OPTION
    if on_future and names and terms.underlying is None:
        why = f'its future is not in the file: add the column "{names[0]}" to the export'
    else:
        why = _why_not(symbol, terms, as_of)
    if None not in (terms.option_type, terms.strike, terms.expiration):
        why = f"{why or 'not the symbol of an option'}; correct it in the file, or, if your broker writes all options so, read them with [[part]] (docs/dialects.md)"
    return RowRejected(Rejection.SYMBOL_UNREADABLE, Field.SYMBOL, why)


def _why_not(symbol: str, terms: _Terms, as_of: date) -> str:
    """What the symbology says against a symbol. It never quotes one."""
    try:
        parse(
            symbol,
            instrument_type=terms.kind,
            underlying=terms.underlying,
            expires_on=terms.expiration,
            as_of=as_of,
            date_order=terms.date_order,
        )
    except SymbolError as fault:
        return fault.reason
    return ""


def _can_be_written(instrument: Instrument) -> bool:
    """Whether the schema of a document has room for the names (a bond's description can be too long)."""
    if instrument.type is _OPTION:
        return True
    return (
        _is_root(instrument.root)
        and _SYMBOL.fullmatch(instrument.symbol) is not None
        and (instrument.underlying is None or _is_symbol(instrument.underlying))
    )


@lru_cache(maxsize=4096)
def _is_root(name: str) -> bool:
    return _ROOT.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _is_symbol(name: str) -> bool:
    return _SYMBOL.fullmatch(name) is not None


@lru_cache(maxsize=1024)
def kind_of(word: str, dialect: Dialect) -> InstrumentType | None:
    """What a word of the type column means; the dialect's own words come first."""
    spaced = plain(word).replace("_", " ")
    for own, kind in dialect.types.words.items():
        if plain(own).replace("_", " ") == spaced:
            return kind
    return instrument_type_of(word)


def _symbol(spelled: str, rules: SymbolRules) -> tuple[str, Decimal | None]:
    symbol = spelled
    for prefix in rules.strip_prefix:
        symbol = symbol.removeprefix(prefix)
    for suffix in rules.strip_suffix:
        symbol = symbol.removesuffix(suffix)
    found = regular_expressions.match(rules.pattern, symbol) if rules.pattern else None
    if found is None:
        return symbol, None
    groups = found.groupdict()
    digits = groups.get("multiplier")
    multiplier = Decimal(digits) if digits and digits.isascii() and digits.isdigit() else None
    return groups.get("symbol") or symbol, multiplier or None


def _terms(row: RowCells, kind: InstrumentType | None, symbol: str, as_of: date) -> _Terms:
    rules, word, right = row.dialect.types, row.text(_TYPE), row.text(_OPTION_TYPE)
    if kind is None and word is not None:
        kind = kind_of(word, row.dialect)
    if kind is None and not rules.infer:
        raise RowRejected(Rejection.TYPE_MISSING if word is None else Rejection.TYPE_UNKNOWN, _TYPE)
    if kind is _FUTURE and right is not None:
        raise RowRejected(Rejection.TERMS_CONTRADICT, _OPTION_TYPE)
    terms = _Terms(
        kind=kind,
        kind_unknown=word is not None and kind is None,
        default=rules.default if word is None else None,
        infer=rules.infer,
        underlying=row.text(_UNDERLYING),
        currency=_currency(row) if kind is _CRYPTO else None,
        date_order=row.columns.date_order,
    )
    is_option = kind in _OPTION_KINDS or (kind is None and right is not None)
    unread: list[RowRejected] = []
    if is_option:
        terms.option_type = _read(_right, row, unread)
        terms.strike = _read(_strike, row, unread)
    if is_option or kind is _FUTURE:
        terms.expiration = _read(_expiration, row, unread)
        if terms.expiration is None and kind is _FUTURE_OPTION and not unread:
            terms.expiration = _by_days_left(row)
            terms.is_counted = terms.expiration is not None
            terms.advice = _advice(row)
    if unread:
        # The symbol of an option says it all once more. Two unreadable terms are more than a slip: cells may be shifted.
        if len(unread) > 1 or not is_option or not _spells_out(symbol, as_of):
            raise unread[0]
        row.cautions.append((_CAUTION_OF[unread[0].reason], unread[0].field))
    return terms


def _currency(row: RowCells) -> str | None:
    return row.text(Field.CURRENCY) or row.dialect.account.currency


def _read(
    term: Callable[[RowCells], T | None], row: RowCells, unread: list[RowRejected]
) -> T | None:
    """The term, or None where it cannot be read: then it is among the `unread`."""
    try:
        return term(row)
    except RowRejected as rejection:
        unread.append(rejection)
        return None


def _spells_out(symbol: str, as_of: date) -> bool:
    """Whether a symbol states right, strike and expiration by itself."""
    told = parse_symbol(symbol, InstrumentType.OPTION, as_of)
    return (
        told is not None
        and told.expiration is not None
        and told.strike is not None
        and told.option_type is not None
    )


def _right(row: RowCells) -> OptionType | None:
    word = row.text(_OPTION_TYPE)
    if word is None:
        return None
    right = option_type_of(word)
    if right is None:
        raise RowRejected(Rejection.UNREADABLE_ROW, _OPTION_TYPE)
    return right


def _strike(row: RowCells) -> Decimal | None:
    try:
        strike = row.number(_STRIKE)
    except CellFault:
        raise RowRejected(Rejection.NUMBER_UNREADABLE, _STRIKE) from None
    return strike or None


def _expiration(row: RowCells) -> date | None:
    try:
        return row.day(_EXPIRATION)
    except CellFault:
        raise RowRejected(Rejection.DATE_UNREADABLE, _EXPIRATION) from None


def _by_days_left(row: RowCells) -> date | None:
    """The day of expiration, counted from the day of the file; None where nothing says, or nothing expires that day."""
    start = row.columns.counted_from
    try:
        days = row.number(Field.DTE) if start is not None else None
    except CellFault:
        return None
    if start is None or days is None or not 0 <= days <= _MAX_DTE or days != int(days):
        return None
    day = start + timedelta(days=int(days))
    return None if day.weekday() in _WEEKEND else day


def _advice(row: RowCells) -> str:
    """The column that would tell the day of expiration, where the user has hidden it."""
    names = row.dialect.columns.get(Field.DTE, ())
    if row.columns.counted_from is None or not names or row.has_column(Field.DTE):
        return ""
    return f'add the column "{names[0]}" to the export'


def _is_option(terms: _Terms) -> bool:
    return terms.kind in _OPTION_KINDS or terms.option_type is not None


def _option(symbol: str, terms: _Terms, as_of: date) -> Instrument | None:
    """An option: by its own symbol, or by an underlying's symbol and the terms in the columns."""
    # Brokers call options on futures options, so that word alone does not bind; the other one does.
    kind = _FUTURE_OPTION if terms.kind is _FUTURE_OPTION else _OPTION
    written = _written(symbol, kind, terms, as_of)
    on_future = _FUTURE_OPTION in (kind, None if written is None else written.type)
    if terms.strike is not None and terms.strike < 0 and not on_future:
        raise RowRejected(Rejection.OUT_OF_RANGE, _STRIKE)
    if written is None:
        if terms.expiration is None and terms.strike is None and terms.option_type is None:
            # Nothing but the symbol could say what it is, and it does not.
            return None
        return (
            _of_series(symbol, terms, as_of)
            or _from_columns(symbol, kind, terms, as_of)
            or (
                _from_columns(terms.underlying, kind, terms, as_of, symbol)
                if terms.underlying
                else None
            )
        )
    for stated, meant, field in (
        (terms.expiration, written.expiration, _EXPIRATION),
        (terms.strike, written.strike, _STRIKE),
        (terms.option_type, written.option_type, _OPTION_TYPE),
    ):
        if stated is not None and meant is not None and stated != meant:
            raise RowRejected(Rejection.TERMS_CONTRADICT, field)
    if written.expiration is None or (terms.is_counted and not _is_near_its_month(written)):
        raise RowRejected(Rejection.EXPIRATION_MISSING, _EXPIRATION, terms.advice)
    return written


def _is_near_its_month(option: Instrument) -> bool:
    """Whether an option on a future expires in the month of its series, or in one of the two before."""
    day = option.expiration
    if option.contract_month is None or day is None:
        return False
    year, month = map(int, option.contract_month.split("-"))
    return 0 <= 12 * (year - day.year) + month - day.month <= 2


def _of_series(symbol: str, terms: _Terms, as_of: date) -> Instrument | None:
    """An option on a future by its series (`/EX2Z26`), beside a column with the future (`/MESZ26`)."""
    if terms.underlying is None or not symbol.startswith("/"):
        return None
    series = parse_symbol(symbol, _FUTURE, as_of)
    future = parse_symbol(terms.underlying, _FUTURE, as_of)
    product = None if future is None else futures_product(future.root)
    if series is None or product is None or series.root[1:] not in product.option_roots:
        return None
    return _from_columns(terms.underlying, _FUTURE_OPTION, terms, as_of, series.symbol[1:])


def _written(symbol: str, kind: InstrumentType, terms: _Terms, as_of: date) -> Instrument | None:
    """The option that a symbol spells out by itself; there is none without a figure, for it has a strike."""
    if not _FIGURE.search(symbol):
        return None
    names = (terms.underlying, terms.expiration, terms.date_order)
    return parse_symbol(symbol, kind, as_of, *names) or parse_symbol(
        symbol, kind, as_of, terms.underlying, None, terms.date_order
    )


@lru_cache(maxsize=4096)
def parse_symbol(
    symbol: str,
    kind: InstrumentType | None,
    as_of: date,
    underlying: str | None = None,
    expiration: date | None = None,
    date_order: DateOrder | None = None,
) -> Instrument | None:
    """The instrument of a symbol, or None where it is not one. A symbol that comes again is not parsed again."""
    try:
        return parse(
            symbol,
            instrument_type=kind,
            underlying=underlying,
            expires_on=expiration,
            as_of=as_of,
            date_order=date_order,
        )
    except SymbolError:
        return None


def _from_columns(
    symbol: str, kind: InstrumentType, terms: _Terms, as_of: date, spelled: str = ""
) -> Instrument | None:
    """An option whose symbol cell names its underlying only: `GLD`, `BRK/B`, `/ESZ25`.

    Where it spells something else (`LOZ6 C7500`), its first word may be the series of an option on a future.
    """
    on_future = symbol.startswith("/") or kind is _FUTURE_OPTION
    underlying_kind = _FUTURE if on_future else _STOCK
    underlying = parse_symbol(symbol, underlying_kind, as_of, None, terms.expiration)
    if underlying is None:
        return None
    if terms.expiration is None:
        raise RowRejected(Rejection.EXPIRATION_MISSING, _EXPIRATION)
    if terms.strike is None:
        raise RowRejected(Rejection.STRIKE_MISSING, _STRIKE)
    if terms.option_type is None:
        raise RowRejected(Rejection.TYPE_MISSING, _OPTION_TYPE)
    try:
        if not on_future:
            return listed_option(symbol, terms.expiration, terms.option_type, terms.strike)
        built = _on_future(underlying.symbol, terms, spelled.partition(" ")[0])
    except SymbolError:
        return None
    return parse_symbol(built, _FUTURE_OPTION, as_of, None, terms.expiration)


def _on_future(future: str, terms: _Terms, series: str) -> str:
    if terms.expiration is None or terms.strike is None or terms.option_type is None:
        raise RowRejected(Rejection.SYMBOL_UNREADABLE, Field.SYMBOL)
    try:
        return symbology.future_option_symbol(
            future, terms.expiration, terms.option_type, terms.strike, contract=series or None
        )
    except SymbolError:
        return symbology.future_option_symbol(
            future, terms.expiration, terms.option_type, terms.strike
        )


def _other(symbol: str, terms: _Terms, as_of: date) -> Instrument | None:
    """What is not an option by its columns. Without a type, or with an unknown one, the symbol must say so."""
    names = (terms.underlying, terms.expiration, terms.date_order)
    if terms.kind is not None:
        return (
            parse_symbol(symbol, terms.kind, as_of, *names)
            or _contract(symbol, terms, as_of)
            or _coin(symbol, terms, as_of)
        )
    told = _contract(symbol, terms, as_of) or _bare_future(symbol, terms, as_of)
    if told is not None:
        return told
    if terms.kind_unknown:
        return parse_symbol(symbol, InstrumentType.OTHER, as_of, *names)
    untyped = parse_symbol(symbol, None, as_of, *names)
    if terms.default is None or (untyped is not None and untyped.type not in _PLAIN):
        return untyped
    # What is no ticker (the code of a pool in a 401(k) or 529 plan) is kept under its code.
    return (
        parse_symbol(symbol, terms.default, as_of, *names)
        or untyped
        or parse_symbol(symbol, InstrumentType.OTHER, as_of, *names)
    )


def _future(
    found: Instrument, terms: _Terms, whole_text: str | None, as_of: date
) -> Instrument | None:
    """A future with its contract month, where anything tells it: the text that its symbol was taken from, or the day of expiration.

    Raises:
        RowRejected: they contradict each other.
    """
    day = terms.expiration
    if whole_text is not None:
        named = parse_symbol(whole_text, _FUTURE, as_of)
        if named is not None and named.root == found.root and named.contract_month is not None:
            if found.contract_month not in {None, named.contract_month}:
                raise RowRejected(Rejection.TERMS_CONTRADICT, _SYMBOL_CELL)
            found = structs.replace(named, expiration=day)
    if day is None:
        return found
    if found.contract_month is None:
        contract = symbology.contract_expiring(found.root, day)
        return found if contract is None else parse_symbol(contract, _FUTURE, as_of, None, day)
    if not symbology.future_may_expire(found.root, found.contract_month, day):
        raise RowRejected(Rejection.TERMS_CONTRADICT, _EXPIRATION)
    return found


def _coin(symbol: str, terms: _Terms, as_of: date) -> Instrument | None:
    """A coin without the currency that it is priced in (`BTC`), where the row states that."""
    if terms.kind is not _CRYPTO or not terms.currency or not symbol.isalpha():
        return None
    return parse_symbol(f"{symbol}/{terms.currency}", InstrumentType.CRYPTO, as_of)


def _bare_future(symbol: str, terms: _Terms, as_of: date) -> Instrument | None:
    """A future of a product that is known, written without its slash (`ESZ6`). No share has a month and a year at its end."""
    if not terms.infer or not _FUTURE_CODE.fullmatch(symbol):
        return None
    found = parse_symbol(symbol, InstrumentType.FUTURE, as_of)
    return found if found is not None and futures_product(found.root) is not None else None


def _contract(symbol: str, terms: _Terms, as_of: date) -> Instrument | None:
    """The option or future that a symbol spells out in full, whatever word stands beside it.

    Brokers' words are loose: an option on a fund is "ETFs & Closed End Funds" at one of them. A symbol with an expiration,
    a strike and a right in it is not.
    """
    if not terms.infer:
        return None
    told = parse_symbol(symbol, None, as_of, terms.underlying, terms.expiration, terms.date_order)
    contracts = _OPTION_KINDS if terms.kind is not None else _CONTRACTS
    return told if told is not None and told.type in contracts else None
