"""Three brokers' fake servers, five accounts, two currencies, one failing, one stale: synced, and read as one book."""

from __future__ import annotations

import itertools
import json
import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flex_server import QUERY, Flex
from flex_server import TOKEN as FLEX_TOKEN
from loopback_server import serving
from snaptrade_server import CLIENT_ID, CONSUMER_KEY, SnapTrade
from tradier_server import TOKEN, Tradier

from variance_bridge import load_all
from variance_bridge.document.exact_json import loads
from variance_bridge.trading_hours import exchange_date, previous_trading_day

D = Decimal
RATE = D("0.8625")
NOW = datetime.now(UTC).replace(microsecond=0)
STALE, DAILY = NOW - timedelta(hours=3), NOW - timedelta(hours=7)


def tradier():
    """Two accounts in dollars; the positions of the second cannot be had."""
    account = {"status": "active", "type": "margin"}
    numbers = ("INV00000001", "INV00000002")
    answers = {
        "/v1/user/profile": {
            "profile": {
                "id": "id-invented",
                "account": [{"account_number": n, **account} for n in numbers],
            }
        }
    }
    for number in numbers:
        row = {"cost_basis": 29010.10, "date_acquired": "2026-01-06T14:51:00.000Z", "id": 1, "quantity": 100.0, "symbol": "MCD"}  # fmt: skip
        answers[f"/v1/accounts/{number}/positions"] = {"positions": {"position": [row]}}
        answers[f"/v1/accounts/{number}/balances"] = {
            "balances": {
                "account_number": number,
                "account_type": "margin",
                "total_equity": 31020.35,
                "total_cash": 1000.25,
                "margin": {"option_buying_power": 5000.0, "stock_buying_power": 10000.0},
            }
        }
    moment = int((datetime.now(UTC) - timedelta(seconds=2)).timestamp() * 1000)
    quote = {"symbol": "MCD", "bid": 300.1, "ask": 300.3, "last": 300.25, "bid_date": moment, "trade_date": moment}  # fmt: skip
    server = Tradier(answers, {"MCD": quote})
    failing = [(503, {}, b"")] * 3
    server.faults["/v1/accounts/INV00000002/positions"] = failing
    return server


FIRST, SECOND = (f"0f0f0f0f-0000-4000-8000-00000000000{number}" for number in (1, 2))


def snaptrade():
    """One account in dollars, short of what another account is long of, and one in euros that is stale."""

    def stamp(when):
        return when.isoformat().replace("+00:00", "Z")

    def account(identifier, number, currency, total):
        return {
            "id": identifier,
            "brokerage_authorization": "0a0a0a0a-0000-4000-8000-000000000001",
            "name": "Invented",
            "number": number,
            "institution_account_id": f"7777770{number[-1]}",
            "institution_name": "Invented Securities",
            "sync_status": {
                "holdings": {"initial_sync_completed": True, "last_successful_sync": str(DAILY)}
            },
            "balance": {"total": {"amount": total, "currency": currency}},
            "status": "open",
            "raw_type": "Margin",
            "is_paper": False,
        }

    def row(symbol, units, price, cost, currency):
        instrument = {"kind": "stock", "id": "x", "symbol": symbol, "raw_symbol": symbol, "currency": currency}  # fmt: skip
        return {"instrument": instrument, "units": units, "price": price, "cost_basis": cost, "currency": currency}  # fmt: skip

    def cash(code, amount):
        return [{"currency": {"id": "x", "code": code}, "cash": amount, "buying_power": None}]

    return SnapTrade(
        {
            "/accounts": [
                account(FIRST, "INV00000011", "USD", 7000.5),
                account(SECOND, "INV00000012", "EUR", 1234.56),
            ],
            f"/accounts/{FIRST}/positions/all": {
                "results": [row("MCD", "-10", "300.2", "290.1", "USD")],
                "data_freshness": {"as_of": stamp(NOW - timedelta(minutes=20))},
            },
            f"/accounts/{SECOND}/positions/all": {
                "results": [row("SAP", "7", "150.5", "140.25", "EUR")],
                "data_freshness": {"as_of": stamp(STALE)},
            },
            f"/accounts/{FIRST}/balances": cash("USD", 10002.5),
            f"/accounts/{SECOND}/balances": cash("EUR", 181.06),
        }
    )


def flex():
    """One account in euros, as of the last close, with shares in dollars and the broker's own rate for these."""
    day = previous_trading_day(exchange_date(NOW)).isoformat()
    positions = "".join(
        f'<OpenPosition accountId="U0000009" currency="{currency}" fxRateToBase="{rate}" assetCategory="STK" symbol="{symbol}"'
        f' multiplier="1" position="5" markPrice="260" positionValue="1300" costBasisPrice="250" costBasisMoney="1250"'
        f' side="Long" levelOfDetail="SUMMARY" underlyingSymbol="" strike="" expiry="" putCall="" conid="{symbol}"'
        f' openDateTime="" />'
        for symbol, currency, rate in (("MCD", "EUR", "1"), ("T", "USD", RATE))
    )
    statement = (
        '<FlexQueryResponse queryName="Invented" type="AF"><FlexStatements count="1">'
        f'<FlexStatement accountId="U0000009" fromDate="{day}" toDate="{day}">'
        '<AccountInformation accountId="U0000009" currency="EUR" />'
        f"<OpenPositions>{positions}</OpenPositions></FlexStatement></FlexStatements></FlexQueryResponse>"
    )
    seconds = itertools.count(0, 10)
    return Flex(statement, lambda: next(seconds))


@pytest.fixture
def synced(variance, folder, monkeypatch):
    """`variance sync --all` over all of them."""
    monkeypatch.setattr("variance_bridge.clock.SystemClock.sleep", lambda *_: None)
    monkeypatch.setenv("TRADIER_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("SNAPTRADE_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("SNAPTRADE_CONSUMER_KEY", CONSUMER_KEY)
    monkeypatch.setenv("IBKR_FLEX_TOKEN", FLEX_TOKEN)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(folder))
    with ExitStack() as servers:
        one, two, three = (servers.enter_context(serving(each())) for each in (tradier, snaptrade, flex))  # fmt: skip
        profiles = {
            "margin": f'broker = "tradier"\naccount = "INV00000001"\nbase_url = "{one.url}"',
            "failing": f'broker = "tradier"\naccount = "INV00000002"\nbase_url = "{one.url}"',
            "short": f'broker = "snaptrade"\naccount = "INV00000011"\nbase_url = "{two.url}"',
            "stale": f'broker = "snaptrade"\naccount = "INV00000012"\nbase_url = "{two.url}"',
            "close": f'broker = "ibkr"\nbase_url = "{three.url}"\nflex_query = "{QUERY}"',
        }
        (folder / "variance.toml").write_text(
            'listeners = ["history"]\n'
            + "\n".join(f"[profiles.{name}]\n{keys}" for name, keys in profiles.items())
        )
        return variance("sync", "--all", "--json")


PROFIT_USD = (D("300.2") - D("290.101")) * 100 - (D("300.2") - D("290.1")) * 10 + (260 - 250) * 5
PROFIT_EUR = (D("150.5") - D("140.25")) * 7 + (D(260) - D(250)) * 5
WORTH_USD = D("31020.35") + D("7000.5")


def test_the_book_is_what_the_servers_hold(synced, variance, folder):
    said = json.loads(synced.out)
    assert synced.code == 5, synced.err
    assert [each["profile"] for each in said["synced"]] == ["margin", "short", "stale", "close"]
    assert [each["profile"] for each in said["failed"]] == ["failing"]

    shown = variance("show", "--json")
    book = loads(shown.out)
    assert shown.code == 6
    assert book["accounts"] == {"counted": 4, "of": 5}
    dollars, euros = book["totals_by_currency"]["USD"], book["totals_by_currency"]["EUR"]
    assert (dollars["unrealized_pl"], euros["unrealized_pl"]) == (PROFIT_USD, PROFIT_EUR)
    assert dollars["net_liquidating_value"] == WORTH_USD
    assert euros["net_liquidating_value"] is None
    assert euros["partial"]["net_liquidating_value"] == {"sum": D("1234.56"), "known": 1, "of": 2}
    ages = {each["source"]: each["freshness"] for each in book["sources"] if "error" not in each}
    assert sorted(each.get("freshness") or "" for each in book["sources"]) == [
        "", "fresh", "fresh", "fresh", "stale",
    ]  # fmt: skip
    assert ages["ibkr"] == "fresh"

    triage = loads(variance("triage", "--json").out)
    assert triage["totals_by_currency"]["USD"]["net_pl"] == PROFIT_USD
    assert triage["totals_by_currency"]["EUR"]["net_pl"] == PROFIT_EUR
    in_one_root = [each for each in triage["clusters"] if each["root"] == "MCD"]
    assert len(in_one_root) == 3
    assert len({each["account_hash"] for each in in_one_root}) == 3

    snapshots = load_all(folder / "positions").by_root()["MCD"]
    assert sorted(each.holding.signed_quantity for each in snapshots) == [-10, 5, 100]


def test_the_screen_names_what_is_missing_and_what_is_stale(synced, variance):
    out = variance("show").out
    flat = re.sub(r"\s+", " ", out)

    assert "All accounts: 4 of 5 accounts" in flat
    assert "STALE 3 h" in flat
    assert "MISSING the profile `failing` has not been synced yet" in flat
    assert f"{PROFIT_USD:,.2f}" in flat
    assert f"{WORTH_USD:,.2f}" in flat
    board = variance()
    assert board.code == 6
    assert "4 of 5 accounts" in board.out


def test_the_page_has_the_same_totals_and_names_the_same_accounts(synced, variance, folder):
    assert variance("triage", "--html", "page.html").code == 6
    page = (folder / "page.html").read_text()
    body = page[page.index("<body") : page.index("<script")]
    top, *accounts = (
        re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", part)).strip()
        for part in re.split("<article [^>]*>", body)
    )

    assert "4 of 5 accounts not read: the profile failing has not been synced yet" in top
    # By hand: 100 x (300.20 - 290.101) - 10 x (300.20 - 290.10) + 5 x (260 - 250), and 7 x (150.50 - 140.25) + 5 x (260 - 250).
    assert "Net P/L EUR +€121.75 Net P/L USD +$958.90" in top
    # 31,020.35 + 7,000.50; the broker of the other account in euros states no net liquidity.
    assert "Net liquidity EUR €1,234.56 partial 1 of 2 known Net liquidity USD $38,020.85" in top
    assert [each.split()[0] for each in accounts] == ["ibkr", "snaptrade", "snaptrade", "tradier"]
    (stale,) = (each for each in accounts if "[Stale Source File]" in each)
    assert "SAP Stock +€71.75" in stale


def test_the_totals_in_one_currency_rest_on_the_brokers_own_rate(synced, variance):
    day = previous_trading_day(exchange_date(NOW)).isoformat()
    total = loads(variance("show", "--currency", "EUR", "--json").out)["totals_in"]

    assert total["rates"] == [{"currency": "USD", "rate": RATE, "day": day, "source": "ibkr"}]
    assert total["unrealized_pl"] == PROFIT_USD * RATE + PROFIT_EUR
    assert total["net_liquidating_value"] is None
    assert total["partial"]["net_liquidating_value"]["sum"] == WORTH_USD * RATE + D("1234.56")
    flat = re.sub(r"\s+", " ", variance("show", "--currency", "EUR").out)
    assert "Open P/L +€948.80" in flat  # 958.90 x 0.8625 + 121.75
    assert f"1 USD = {RATE} EUR; ibkr, {day}" in flat


def test_each_document_is_in_the_history(synced, variance):
    entries = json.loads(variance("history", "--json").out)["entries"]

    assert sorted(each["source"] for each in entries) == ["ibkr", "snaptrade", "snaptrade", "tradier"]  # fmt: skip
    assert len({each["account_hash"] for each in entries}) == 4
