"""Invented exports of many accounts in the formats of five brokers, the same for the same seed: what a fleet reads at night."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from speed.inputs import Held, csv_export, held

Rows = Iterable[Sequence[object]]


def write_exports(folder: Path, accounts: int, positions: int, now: datetime) -> Path:
    """A manifest of so many files, one account each, the formats by turns. They are written in folders of a thousand.

    Args:
        folder: exists.
        accounts: how many.
        positions: of each account.
        now: aware; the exports are some minutes older.
    """
    for number in range(accounts):
        name, text = broker_export(number, positions, now)
        file = folder / "exports" / f"{number // 1000:04d}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
        written = (now - timedelta(minutes=10)).timestamp()
        os.utime(file, (written, written))
    manifest = folder / "manifest.toml"
    manifest.write_text('inputs = ["exports/**/*.csv"]\n')
    return manifest


def broker_export(number: int, positions: int, now: datetime) -> tuple[str, bytes]:
    """The name of an account's export and what is in it; the number chooses the format and is the seed of the positions."""
    names = sorted(FORMATS)
    name = names[number % len(names)]
    return f"{name}_{number:06d}.csv", FORMATS[name](number, positions, now)


def _fidelity(number: int, positions: int, now: datetime) -> bytes:
    header = [
        "Account number",
        "Account name",
        "Symbol",
        "Description",
        "Quantity",
        "Last price",
        "Last price change",
        "Current value",
        "Today's gain/loss dollar",
        "Today's gain/loss percent",
        "Total gain/loss dollar",
        "Total gain/loss percent",
        "Percent of account",
        "Cost basis total",
        "Average cost basis",
        "Type",
    ]
    account = f"X{number:08d}"
    rows = [
        (
            account, "Individual", _fidelity_symbol(one), f"{one.root} INC", one.sign * one.quantity, f"${one.mark}",
            "+$0.00", _dollars(one.sign * one.value), "--", "--", _dollars(one.sign * (one.value - one.cost), "+"), "--",
            "--", _dollars(one.sign * one.cost), f"${one.average}", "Margin", "",
        )
        for one in _held(number, positions, now)
    ]  # fmt: skip
    stated = f"Date downloaded {now:%b-%d-%Y} 0:01 a.m ET"
    return _csv([header, *rows, [], [stated]])


def _fidelity_symbol(one: Held) -> str:
    if one.expiration is None:
        return one.root
    return f" -{one.root}{one.expiration:%y%m%d}{one.right[0]}{one.strike.normalize():f}"


def _schwab(number: int, positions: int, now: datetime) -> bytes:
    stated = now - timedelta(hours=6)  # before now in every zone of New York
    title = f"Positions for account Individual ...{number % 1000:03d} as of {stated:%I:%M %p} ET, {stated:%Y/%m/%d}"
    header = [
        "Symbol", "Description", "Qty (Quantity)", "Price", "Price Chng % (Price Change %)", "Price Chng $ (Price Change $)",
        "Mkt Val (Market Value)", "Cost Basis", "Day Chng $ (Day Change $)", "Day Chng % (Day Change %)",
        "Gain $ (Gain/Loss $)", "Gain % (Gain/Loss %)", "Asset Type", "",
    ]  # fmt: skip
    rows = [
        (
            _schwab_symbol(one), f"{one.root} INC", one.sign * one.quantity, one.mark, "0%", "0.00",
            _dollars(one.sign * one.value), _dollars(one.sign * one.cost), "$0.00", "0%",
            _dollars(one.sign * (one.value - one.cost)), "0%", "Option" if one.expiration else "Equity", "",
        )
        for one in _held(number, positions, now)
    ]  # fmt: skip
    total = _dollars(
        sum((one.sign * one.value for one in _held(number, positions, now)), Decimal(0))
    )
    last = ["Positions Total", "", *["--"] * 4, total, *["--"] * 6, ""]
    return _csv([[title], [], header, *rows, last], quoting=csv.QUOTE_ALL)


def _schwab_symbol(one: Held) -> str:
    if one.expiration is None:
        return one.root
    return f"{one.root} {one.expiration:%m/%d/%Y} {one.strike:.2f} {one.right[0]}"


def _tastytrade(number: int, positions: int, now: datetime) -> bytes:
    header = [
        "Account",
        "Symbol",
        "Type",
        "Quantity",
        "Exp Date",
        "DTE",
        "Strike Price",
        "Call/Put",
        "Underlying Last Price",
        "P/L Open",
        "Cost",
        "P/L Day",
        "Theta",
        "/ Delta",
        "Vega",
        "Gamma",
        "β Delta",
        "Mark",
        "Net Liq",
    ]
    rows = [
        (
            f"5WX{number:05d}", one.symbol, "EQUITY_OPTION" if one.expiration else "STOCK", one.sign * one.quantity,
            f"{one.expiration:%b %d, %Y}" if one.expiration else "",
            f"{(one.expiration - now.date()).days}d" if one.expiration else "--",
            one.strike if one.expiration else "", one.right if one.expiration else "",
            one.strike + 1 if one.expiration else one.mark, one.sign * (one.value - one.cost), -one.sign * one.cost, "--",
            *(("-4.5", "--", "12.3", "1.2", "35.1") if one.expiration else ("0", "--", "0", "0", one.quantity)),
            one.mark, one.sign * one.value,
        )
        for one in _held(number, positions, now)
    ]  # fmt: skip
    return _csv([header, *rows])


def _flex(number: int, positions: int, now: datetime) -> bytes:
    header = [
        "ClientAccountID",
        "CurrencyPrimary",
        "AssetClass",
        "Symbol",
        "Description",
        "UnderlyingSymbol",
        "Multiplier",
        "Strike",
        "Expiry",
        "Put/Call",
        "ReportDate",
        "Quantity",
        "MarkPrice",
        "PositionValue",
        "CostBasisPrice",
        "CostBasisMoney",
        "FifoPnlUnrealized",
        "Side",
        "LevelOfDetail",
    ]
    rows = [
        (
            f"U{number:07d}", "USD", "OPT" if one.expiration else "STK", one.symbol, f"{one.root} INC", one.root,
            one.multiplier, one.strike if one.expiration else "", one.expiration or "", one.right[0] if one.expiration else "",
            now.date(), one.sign * one.quantity, one.mark, one.sign * one.value, one.average, one.sign * one.cost,
            one.sign * (one.value - one.cost), one.side, "SUMMARY",
        )
        for one in _held(number, positions, now)
    ]  # fmt: skip
    return _csv([header, *rows], quoting=csv.QUOTE_ALL)


def _variance(number: int, positions: int, now: datetime) -> bytes:
    return csv_export(positions, now, account=f"TEST-{number:04d}", seed=number)


FORMATS: Mapping[str, Callable[[int, int, datetime], bytes]] = {
    "fidelity": _fidelity,
    "schwab": _schwab,
    "tastytrade": _tastytrade,
    "flex": _flex,
    "variance": _variance,
}
"""By the name that the files have."""


def _held(number: int, positions: int, now: datetime) -> list[Held]:
    return list(held(positions, now.date(), seed=number))


def _dollars(amount: Decimal, plus: str = "") -> str:
    return f"{'-' if amount < 0 else plus}${abs(amount):.2f}"


def _csv(rows: Rows, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    return text.getvalue().encode()
