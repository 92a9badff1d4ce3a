"""Every spelling of a contract is read as that contract, or refused: never as another one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from variance_bridge.symbology import OptionType, SymbolError, parse
from variance_bridge.symbology.expirations import may_expire
from variance_bridge.symbology.tables import index_series

ROOTS = ("SPX", "SPXW", "NDX", "NDXP", "RUT", "RUTW", "VIX", "VIXW", "XSP", "SPY", "AAPL", "PANW", "F", "BRKB", "GOOGL1", "2AAPL")  # fmt: skip


@attrs.frozen
class Contract:
    root: str
    day: date
    right: OptionType
    strike: Decimal

    @property
    def symbol(self):
        mills = int(self.strike * 1000)
        return f"{self.root:<6}{self.day:%y%m%d}{self.right[0].upper()}{mills:08d}"

    @property
    def named(self):
        """How a broker names it that leaves the series of an index to the date: SPXW is SPX on most days."""
        series = index_series().get(self.root)
        if series is None or series.index == self.root or may_expire(series.index, self.day):
            return self.root
        return series.index


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def spellings(contract):
    """Text and hints, in the forms of brokers and of programs."""
    day, right, root = contract.day, contract.right[0].upper(), contract.named
    strike, word = format(contract.strike.normalize(), "f"), contract.right.upper()
    month = MONTHS[day.month - 1]
    yield contract.symbol, {}
    yield contract.symbol.replace(" ", ""), {}
    yield f"O:{contract.symbol.replace(' ', '')}", {}
    yield f".{root}{day:%y%m%d}{right}{strike}", {}
    yield f"-{root}{day:%y%m%d}{right}{strike}", {}
    yield f"{root} {day.day:02d}{month}{day:%y} {strike} {right}", {}
    yield f"{root} {month.title()} {day.day} '{day:%y} ${strike} {word.title()}", {}
    yield f"{root} {day:%m/%d/%Y} {strike} {right}", {}
    yield f"{root} {day:%m/%d/%Y} {strike} {right}", {"date_order": "mdy"}
    yield f"{root} {day:%d/%m/%Y} {strike} {right}", {}
    yield f"{root} {day:%d/%m/%Y} {strike} {right}", {"date_order": "dmy"}
    yield f"{root} {day:%d.%m.%Y} {strike} {right}", {}
    yield f"{root} {day:%m/%d/%y} {right}{strike}", {}
    yield f"{root}_{day:%Y-%m-%d}_{strike}_{right}", {}
    yield f"{root}_{day:%m%d%y}{right}{strike}", {}
    yield f"{root}_{day:%y%m%d}_{right}{strike}", {}
    yield f"100 {day.day} {month} {day:%y} {strike} {word}", {"underlying": root}
    yield f"{word} SOME NAME${strike} EXP {day:%m/%d/%y}", {"underlying": root}
    yield f"{root}    {month}{day:%Y} {strike} {right} [{contract.symbol} 100]", {}


roots = st.sampled_from(ROOTS)
contracts = (
    st.builds(
        Contract,
        roots,
        st.dates(date(2015, 2, 2), date(2039, 12, 31)),
        st.sampled_from(OptionType),
        st.integers(1, 99_999_999).map(lambda mills: Decimal(mills).scaleb(-3)),
    )
    .map(lambda drawn: attrs.evolve(drawn, day=next_expiration(drawn.root, drawn.day)))
)  # fmt: skip


def next_expiration(root, day):
    while not may_expire(root, day):
        day += timedelta(days=1)
    return day


@settings(max_examples=60)
@given(contracts)
def test_no_spelling_is_read_as_another_contract(contract):
    for text, hints in spellings(contract):
        try:
            found = parse(text, instrument_type="option", **hints)
        except SymbolError:
            continue
        assert found.symbol == contract.symbol, text


@settings(max_examples=60)
@given(contracts)
def test_a_spelling_that_states_its_order_and_root_is_never_refused(contract):
    ordered = [(text, hints) for text, hints in spellings(contract) if "date_order" in hints]
    for text, hints in [(contract.symbol, {}), *ordered]:
        assert parse(text, **hints).symbol == contract.symbol
