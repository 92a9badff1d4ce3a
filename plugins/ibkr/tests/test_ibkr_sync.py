"""`variance sync --broker ibkr` against a server that behaves like the Flex Web Service: every number, and every fault."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from flex_server import GET, QUERY, SEND, TOKEN, Flex, failure
from loopback_server import serving

from variance_bridge import DataRefused, Environment, Secret
from variance_bridge.cli.error_report import run
from variance_bridge.document import exact_json
from variance_bridge_ibkr.api import Api
from variance_bridge_ibkr.broker import environment_of
from variance_bridge_ibkr.flex_responses import by_account
from variance_bridge_ibkr.settings import IbkrSettings

D = Decimal
RECORDED = exact_json.loads(
    (Path(__file__).parent / "recordings" / "two_accounts.json").read_bytes()
)
STATEMENT = RECORDED["exchanges"][2]["text"]
NEXT_DAY = datetime(2026, 1, 15, 15, 0, tzinfo=UTC)
"""In the morning after the statement's day."""


class RunClock:
    """The clock of the run: it starts where a test wants, goes on with each sleep, and takes no time."""

    def __init__(self):
        self.start, self.passed = NEXT_DAY, 0.0

    def now(self):
        return self.start + timedelta(seconds=self.passed)

    def monotonic(self):
        return self.passed

    def sleep(self, seconds):
        self.passed += seconds


@pytest.fixture
def clock(monkeypatch):
    found = RunClock()
    for name in ("now", "monotonic", "sleep"):
        method = getattr(found, name)
        monkeypatch.setattr(f"variance_bridge.clock.SystemClock.{name}", lambda _self, *given, method=method: method(*given))  # fmt: skip
    return found


@pytest.fixture
def flex(clock):
    with serving(Flex(STATEMENT, lambda: clock.passed)) as server:
        yield server


@pytest.fixture
def command(clock, tmp_path, monkeypatch, capsys):
    """Run a command in a folder of its own: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IBKR_FLEX_TOKEN", TOKEN)

    def call(*arguments):
        capsys.readouterr()
        code = run(list(arguments))
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def sync(flex, command, tmp_path):
    """Sync; exit code, the documents by their base currency, and what was printed."""

    def call(*arguments, query=QUERY):
        code, out, err = command("sync", "--broker", "ibkr", "--set", f"base_url={flex.url}", "--set", f"flex_query={query}", *arguments)  # fmt: skip
        files = sorted((tmp_path / "positions").glob("live_*.json"))
        documents = [exact_json.loads(file.read_bytes()) for file in files]
        return code, {each["meta"].get("currency"): each for each in documents}, out + err

    return call


def section(*rows, **parts):
    """A statement over one account, with these rows of positions; `parts` stand before them."""
    inner = "".join(parts.values())
    return (
        '<FlexQueryResponse queryName="Invented" type="AF"><FlexStatements count="1">'
        '<FlexStatement accountId="U0000009" fromDate="2026-01-14" toDate="2026-01-14">'
        f"{inner}<OpenPositions>{''.join(rows)}</OpenPositions>"
        "</FlexStatement></FlexStatements></FlexQueryResponse>"
    )


def row(symbol="MCD", **given):
    members = {
        "accountId": "U0000009", "currency": "USD", "fxRateToBase": "1", "assetCategory": "STK", "symbol": symbol,
        "multiplier": "1", "position": "10", "markPrice": "300", "positionValue": "3000", "costBasisPrice": "290",
        "costBasisMoney": "2900", "side": "Long", "levelOfDetail": "SUMMARY", "underlyingSymbol": "", "strike": "",
        "expiry": "", "putCall": "", "conid": "1", "openDateTime": "", **given,
    }  # fmt: skip
    stated = [f'{name}="{value}"' for name, value in members.items() if value is not None]
    return f"<OpenPosition {' '.join(stated)} />"


def only(documents):
    (document,) = documents.values()
    return document


def test_every_number_of_an_invented_portfolio(sync):
    code, documents, printed = sync("--all-accounts")

    assert code == 0, printed
    for currency, expected in zip(("USD", "EUR"), RECORDED["expected"], strict=True):
        document = documents[currency]
        meta = document["meta"]
        assert (meta["source"], meta["environment"]) == ("ibkr", "simulator")
        assert (meta["timeliness"], meta["fetched_at"]) == ("end_of_day", "2026-01-14T21:00:00Z")
        assert meta["counts"] == expected["counts"]
        balances = {**document["balances"]}
        assert balances.pop("as_of") == "2026-01-14T21:00:00Z"
        assert balances == expected["balances"]
        held = {position["symbol"]: position for position in document["positions"]}
        assert len(held) == len(expected["positions"])
        for wanted in expected["positions"]:
            found = held[wanted["symbol"]]
            assert {name: found.get(name) for name in wanted} == wanted


def test_the_accounts_share_one_statement(sync, flex):
    sync("--all-accounts")

    assert [path for path, _query, _at in flex.asked] == [SEND, GET]


def test_nothing_personal_is_printed_or_written(sync):
    code, documents, printed = sync("--all-accounts", "--json")
    everything = printed + json.dumps(documents, default=str)

    assert code == 0
    for value in ("Quintus", "U0000001", "Invented Alias", "quintus@mail.example", TOKEN):
        assert value not in everything


def test_the_token_is_not_in_the_log(flex, command):
    code, out, err = command("-vv", "sync", "--broker", "ibkr", "--set", f"base_url={flex.url}", "--set", f"flex_query={QUERY}", "--all-accounts")  # fmt: skip

    assert code == 0
    assert "SendRequest" in err
    assert TOKEN not in out + err


def test_accounts_show_and_triage_read_what_was_synced(sync, command, flex, tmp_path):
    sync("--all-accounts")
    table = f'[brokers.ibkr]\nbase_url = "{flex.url}"\nflex_query = {QUERY}\n'
    (tmp_path / "variance.toml").write_text(table)
    code, out, _err = command("--config", "variance.toml", "accounts", "--broker", "ibkr")
    assert (code, out.count("Individual")) == (0, 2)
    for file in (tmp_path / "positions").glob("live_*.json"):
        code, out, _err = command("show", str(file))
        assert (code, "of the last close" in out) == (0, True)
        code, out, _err = command("triage", "--json", str(file))
        assert (code, len(json.loads(out)["clusters"]) > 0) == (0, True)


def test_a_statement_of_friday_is_fresh_on_monday_morning_and_refused_on_wednesday(sync, clock, command, flex, tmp_path):  # fmt: skip
    flex.statement = section(row()).replace("2026-01-14", "2026-01-09")
    clock.start = datetime(2026, 1, 12, 14, 0, tzinfo=UTC)
    assert sync()[0] == 0
    file = str(next((tmp_path / "positions").glob("live_*.json")))
    assert command("show", file)[0] == 0
    clock.start = datetime(2026, 1, 14, 14, 0, tzinfo=UTC)
    assert command("show", file)[0] == 7


def test_a_statement_that_is_not_ready_is_asked_for_politely(sync, flex, clock):
    flex.pending = 6
    code, _documents, printed = sync("--all-accounts")

    assert code == 0, printed
    times = [at for _path, _query, at in flex.asked]
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))
    assert all(sum(0 <= at - start < 60 for at in times) <= 10 for start in times)
    assert [path for path, _query, _at in flex.asked] == [SEND, *[GET] * 7]


def test_a_statement_that_is_never_ready_ends_within_230_seconds(sync, flex, clock):
    flex.pending = 10**6
    code, documents, printed = sync()

    assert (code, documents) == (5, {})
    assert "still being made" in printed
    assert 120 < clock.passed <= 230


@pytest.mark.parametrize("path", [SEND, GET])
def test_a_limit_is_met_with_back_off(sync, flex, path, clock):
    flex.faults[path] = [failure(1018), failure(1018)]
    assert sync("--all-accounts")[0] == 0

    flex.always[path] = failure(1018)
    began, asked = clock.passed, len(flex.asked)
    code, _documents, printed = sync("--all-accounts")
    assert code == 5
    assert "limit" in printed
    assert sum(each[0] == path for each in flex.asked[asked:]) == 3
    assert clock.passed - began <= 230


CODES = {
    1001: 5, 1003: 5, 1004: 5, 1005: 5, 1006: 5, 1007: 5, 1008: 5, 1009: 5, 1010: 3, 1011: 4, 1012: 4, 1013: 4, 1014: 3,
    1015: 4, 1016: 4, 1017: 5, 1018: 5, 1019: 5, 1020: 4, 1021: 5, 1999: 6, "Quintus": 6,
}  # fmt: skip


@pytest.mark.parametrize("path", [SEND, GET])
@pytest.mark.parametrize(("code", "expected"), CODES.items())
def test_each_error_code_has_its_exit_and_advice(sync, flex, path, code, expected):
    flex.always[path] = failure(code)
    found, documents, printed = sync()

    assert (found, documents) == (expected, {}), printed
    assert TOKEN not in printed
    assert "Quintus" not in printed
    assert len(printed.strip().splitlines()) >= 2
    if expected in (3, 4, 6):
        assert sum(each[0] == path for each in flex.asked) == 1


@pytest.mark.parametrize("path", [SEND, GET])
@pytest.mark.parametrize(
    ("fault", "times", "code"),
    [
        ((401, {}, b""), 1, 4),
        ((403, {}, b""), 1, 4),
        ((404, {}, b""), 1, 6),
        ((429, {}, b""), 3, 5),
        ((503, {"Retry-After": "1"}, b""), 3, 5),
        ((200, {"Content-Type": "text/html"}, b"<html>maintenance<br></html>"), 1, 6),
        ((200, {"Content-Type": "text/html"}, b"<html><p>maintenance</p></html>"), 1, 6),
        ((200, {}, b""), 1, 6),
        ((200, {}, b"<FlexQueryResponse"), 1, 6),
        (
            (200, {}, b"<FlexStatementResponse><Status>Success</Status></FlexStatementResponse>"),
            1,
            6,
        ),
        (
            (200, {}, b'<!DOCTYPE a [<!ENTITY b "c">]><FlexQueryResponse>&b;</FlexQueryResponse>'),
            1,
            6,
        ),
        ((302, {"Location": "https://evil.example/"}, b""), 1, 4),
    ],
)
def test_each_fault_has_its_exit_and_leaves_no_document(sync, flex, path, fault, times, code):
    flex.faults[path] = [fault] * times
    found, documents, printed = sync()

    assert (found, documents) == (code, {}), printed
    assert TOKEN not in printed
    assert "\n  " in printed, "the error does not say what to do"


def test_a_passing_outage_is_met_with_another_try(sync, flex):
    flex.faults[GET] = [(500, {}, b""), failure(1009)]

    assert sync("--all-accounts")[0] == 0


def test_a_truncated_statement_is_never_an_empty_account(sync, flex):
    whole = STATEMENT
    for end in range(200, len(whole) - 30, 997):
        flex.statement = whole[:end]
        code, documents, printed = sync("--allow-empty", "--all-accounts")
        assert (code, documents) == (6, {}), printed


@pytest.mark.parametrize(
    "statement",
    [
        STATEMENT.replace('FlexStatements count="2"', 'FlexStatements count="3"'),
        '<FlexQueryResponse type="AF"><FlexStatements count="0"></FlexStatements></FlexQueryResponse>',
        '<FlexQueryResponse type="AF" />',
    ],
)
def test_missing_statements_are_never_an_empty_account(sync, flex, statement):
    flex.statement = statement

    assert sync("--allow-empty", "--all-accounts")[:2] == (6, {})


def test_a_trade_confirmation_query_is_not_read(sync, flex):
    flex.statement = section(row()).replace('type="AF"', 'type="TCF"')
    code, _documents, printed = sync()

    assert (code, "Activity Flex" in printed) == (3, True)


def test_a_wrong_token_is_tried_once(sync, flex, monkeypatch):
    monkeypatch.setenv("IBKR_FLEX_TOKEN", "another-token")
    code, _documents, printed = sync()

    assert (code, len(flex.asked)) == (4, 1)
    assert "auth set" in printed


@pytest.mark.parametrize("query", ["", "my query", "12a"])
def test_a_query_that_is_not_a_number_is_not_sent(sync, flex, query):
    code, _documents, printed = sync(query=query)

    assert (code, flex.asked) == (3, [])
    assert "flex_query" in printed


def test_a_wrong_query_is_a_wrong_setting(sync):
    code, _documents, printed = sync(query="654321")

    assert (code, "flex_query" in printed) == (3, True)


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/AccountManagement/FlexWebService/GetStatement",
        "http://127.0.0.1:1/AccountManagement/FlexWebService/GetStatement",
        "https://gdcdyn.interactivebrokers.com.evil.example/GetStatement",
        "ftp://x",
        "https://[",
    ],
)
def test_the_statement_is_not_fetched_from_another_host(sync, flex, place):
    flex.answered_url = place
    code, documents, printed = sync()

    assert (code, documents) == (6, {}), printed
    assert [path for path, _query, _at in flex.asked] == [SEND]


@pytest.mark.parametrize(
    ("place", "allowed"),
    [
        (
            "https://gdcdyn.interactivebrokers.com/Universal/servlet/FlexStatementService.GetStatement",
            True,
        ),
        (
            "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService/GetStatement",
            True,
        ),
        ("https://gdcdyn.interactivebrokers.com:443/GetStatement", True),
        ("http://gdcdyn.interactivebrokers.com/GetStatement", False),
        ("https://gdcdyn.interactivebrokers.com:8443/GetStatement", False),
        ("https://user@gdcdyn.interactivebrokers.com/GetStatement", False),
        ("https://gdcdyn.interactivebrokers.com/GetStatement?t=other", False),
        ("https://127.0.0.1/GetStatement", False),
        ("https://www.interactivebrokers.com/GetStatement", False),
    ],
)
def test_a_statement_is_fetched_from_hosts_of_ibkr_only(place, allowed):
    sent = []
    first = failure(0)[2].replace(b"<Status>Fail</Status><ErrorCode>0</ErrorCode>", f"<Status>Success</Status><ReferenceCode>1</ReferenceCode><Url>{place}</Url>".encode())  # fmt: skip

    class Session:
        def get(self, url, *, params, headers):
            sent.append(url)
            return SimpleNamespace(status=200, body=first if len(sent) == 1 else b"<FlexQueryResponse/>")  # fmt: skip

    context = SimpleNamespace(
        settings=IbkrSettings(flex_query=QUERY),
        session=Session(),
        clock=RunClock(),
        credentials={"IBKR_FLEX_TOKEN": Secret(TOKEN)},
    )
    if allowed:
        Api(context).statement()
        assert sent[1].startswith("https://")
        assert sent[1].endswith("GetStatement")
    else:
        with pytest.raises(DataRefused):
            Api(context).statement()
        assert len(sent) == 1


def test_a_token_is_not_sent_to_another_base_address(flex, command):
    code, _out, _err = command("sync", "--broker", "ibkr", "--set", "base_url=https://evil.example", "--set", f"flex_query={QUERY}")  # fmt: skip

    assert code == 3


LOTS = (
    row(position="6", positionValue="1800", costBasisPrice="280", costBasisMoney="1680", levelOfDetail="LOT", openDateTime="2025-11-03;103000"),
    row(position="4", positionValue="1200", costBasisPrice="305", costBasisMoney="1220", levelOfDetail="LOT", openDateTime="2025-12-01;103000"),
)  # fmt: skip


@pytest.mark.parametrize("rows", [(row(),), LOTS, (row(), *LOTS), (*LOTS, row())])
def test_summaries_and_lots_are_one_position(sync, flex, rows):
    flex.statement = section(*rows)
    code, documents, printed = sync()

    assert code == 0, printed
    (position,) = only(documents)["positions"]
    money = {name: position[name] for name in ("quantity", "cost_basis", "market_value", "unrealized_pl")}  # fmt: skip
    assert money == {"quantity": 10, "cost_basis": 2900, "market_value": 3000, "unrealized_pl": 100}
    assert only(documents)["meta"]["counts"] == {"fetched": 1, "normalized": 1, "closed": 0, "rejected": 0}  # fmt: skip


def test_a_lot_that_cannot_be_read_costs_its_position_and_no_other(sync, flex):
    broken = LOTS[1].replace('position="4"', 'position="four"')
    flex.statement = section(LOTS[0], broken, row("T", levelOfDetail="LOT", conid="2"))
    code, documents, printed = sync()

    assert code == 0, printed
    assert [each["symbol"] for each in only(documents)["positions"]] == ["T"]
    assert [each["row"] for each in only(documents)["meta"]["rejected"]] == [1]


def test_short_lots_are_summed_with_their_sign(sync, flex):
    short = {"side": "Short", "levelOfDetail": "LOT", "costBasisPrice": "290"}
    flex.statement = section(
        row(position="-6", positionValue="-1800", costBasisMoney="-1740", **short),
        row(position="-4", positionValue="-1200", costBasisMoney="-1160", **short),
    )
    (position,) = only(sync()[1])["positions"]

    assert (position["side"], position["quantity"]) == ("short", 10)
    assert (position["cost_basis"], position["market_value"], position["unrealized_pl"]) == (2900, -3000, -100)  # fmt: skip


def without(name, text):
    return re.sub(rf'(?<=\s){name}="[^"]*" ?', "", text)


FUTURE_OPTION = {
    "assetCategory": "FOP", "multiplier": "50", "underlyingSymbol": "ESH6", "strike": "6450", "expiry": "2026-03-20",
    "putCall": "P", "position": "1", "markPrice": "41", "positionValue": "2050", "costBasisPrice": "50", "costBasisMoney": "2500",
}  # fmt: skip


@pytest.mark.parametrize(
    ("attribute", "label"),
    [
        ("symbol", "Symbol"),
        ("position", "Quantity"),
        ("assetCategory", "Asset Class"),
        ("currency", "Currency"),
        ("multiplier", "Multiplier"),
        ("strike", "Strike"),
        ("expiry", "Expiry"),
        ("putCall", "Put/Call"),
        ("underlyingSymbol", "Underlying Symbol"),
    ],
)
def test_what_the_query_lacks_is_named(sync, flex, attribute, label):
    flex.statement = without(attribute, section(row(), row("EX3H6 P6450", **FUTURE_OPTION)))
    code, documents, printed = sync()

    assert (code, documents) == (6, {}), printed
    assert f"add {label}" in printed


def test_a_query_without_the_section_of_positions_is_not_an_empty_account(sync, flex):
    flex.statement = section(row()).replace("OpenPositions", "Trades")
    code, documents, printed = sync("--allow-empty")

    assert (code, documents) == (6, {})
    assert "add the section Open Positions" in printed


def test_a_query_without_level_of_detail_is_read_where_nothing_repeats(sync, flex):
    flex.statement = without("levelOfDetail", section(row(), row("T", conid="2")))
    assert len(only(sync()[1])["positions"]) == 2

    flex.statement = without("levelOfDetail", section(row(), *LOTS))
    code, _documents, printed = sync()
    assert (code, "add Level of Detail" in printed) == (6, True)


def test_a_date_format_that_can_be_read_in_two_ways_is_refused(sync, flex):
    flex.statement = section(row()).replace('toDate="2026-01-14"', 'toDate="01/02/2026"')
    code, documents, printed = sync()

    assert (code, documents, "yyyy-MM-dd" in printed) == (6, {}, True)


@pytest.mark.parametrize("spelled", ["20260114", "2026-01-14", "14-Jan-26"])
def test_dates_are_read_in_the_formats_that_are_clear(sync, flex, spelled):
    flex.statement = section(row()).replace('toDate="2026-01-14"', f'toDate="{spelled}"')

    assert only(sync()[1])["meta"]["fetched_at"] == "2026-01-14T21:00:00Z"


def test_a_statement_of_today_is_not_from_the_future(sync, flex):
    flex.statement = section(row()).replace('toDate="2026-01-14"', 'toDate="2026-01-15"')

    assert only(sync()[1])["meta"]["fetched_at"].startswith("2026-01-15T15:00:0")


def test_a_missing_price_is_a_warning_and_no_number(sync, flex):
    flex.statement = without("positionValue", without("markPrice", section(row())))
    code, documents, printed = sync()

    assert (code, "add Mark Price" in printed) == (0, True)
    assert "market_value" not in only(documents)["positions"][0]


def test_the_series_is_unknown_where_the_symbol_does_not_tell_it(sync, flex):
    flex.statement = section(
        row("ES", **FUTURE_OPTION, conid="7001"),
        row("ES", **{**FUTURE_OPTION, "markPrice": "42", "positionValue": "2100"}, conid="7002"),
    )
    code, documents, printed = sync()
    document = only(documents)

    assert code == 0, printed
    assert [each["symbol"] for each in document["positions"]] == ["./ESH6 260320P6450"] * 2
    assert {each["broker_symbol"] for each in document["positions"]} == {"ES 7001", "ES 7002"}
    assert [each["caution"] for each in document["meta"]["flags"]].count("series_unknown") == 2


def test_two_series_of_one_day_and_strike_do_not_collide(sync, flex):
    flex.statement = section(
        row("EX3H6 P6450", **FUTURE_OPTION), row("ESH6 P6450", **FUTURE_OPTION, conid="2")
    )
    symbols = [each["symbol"] for each in only(sync()[1])["positions"]]

    assert sorted(symbols) == ["./ESH6 ESH6  260320P6450", "./ESH6 EX3H6 260320P6450"]


def test_the_word_for_a_right_must_agree_with_the_symbol(sync, flex):
    flex.statement = section(row(), row("EX3H6 C6450", **FUTURE_OPTION, conid="2"))
    document = only(sync()[1])

    assert document["meta"]["rejected"] == [{"row": 2, "reason": "terms_contradict"}]


def test_a_side_that_contradicts_its_quantity_is_rejected(sync, flex):
    flex.statement = section(row(), row("T", side="Short", conid="2"))

    assert only(sync()[1])["meta"]["rejected"] == [{"row": 2, "reason": "terms_contradict"}]


INFORMATION = '<AccountInformation accountId="U0000009" currency="CHF" />'


@pytest.mark.parametrize(
    ("parts", "rates", "currency"),
    [
        ({"information": INFORMATION}, ("0.8", "0.9"), "CHF"),
        ({}, ("1", "1.16"), "USD"),
        ({}, ("0.86", "1"), "EUR"),
        ({}, ("0.8", "0.9"), None),
        ({}, ("1", "1"), None),
        ({}, (None, None), None),
    ],
)
def test_the_base_currency_is_stated_or_worth_one_and_never_guessed(sync, flex, parts, rates, currency):  # fmt: skip
    dollars, euros = rates
    flex.statement = section(
        row(fxRateToBase=dollars),
        row("SAP", currency="EUR", fxRateToBase=euros, conid="2"),
        **parts,
    )
    code, documents, printed = sync()
    document = documents[currency]

    assert code == 0, printed
    named = {each["symbol"]: each.get("currency", currency) for each in document["positions"]}
    assert named == {"MCD": "USD", "SAP": "EUR"}


@pytest.mark.parametrize(
    ("dollars", "euros", "more", "rates"),
    [
        ("1", "1.16", {}, {"EUR": D("1.16")}),
        ("0.86", "1", {}, {"USD": D("0.86")}),
        ("0.8", "0.9", {}, {}),
        ("1", "1.16", {"currency": "EUR", "fxRateToBase": "1.17"}, {}),
        ("1", "0", {}, {}),
        ("1", "-1.16", {}, {}),
        ("1", "x", {}, {}),
        ("1", None, {}, {}),
    ],
)
def test_rates_to_base_are_stated_and_contradictory_ones_are_not(sync, flex, dollars, euros, more, rates):  # fmt: skip
    flex.statement = section(
        row(fxRateToBase=dollars),
        row("SAP", currency="EUR", fxRateToBase=euros, conid="2"),
        row("T", conid="3", **({"fxRateToBase": dollars} | more)),
    )
    meta = next(iter(sync()[1].values()))["meta"]
    stated = meta.get("exchange_rates", [])

    assert {each["currency"]: each["rate"] for each in stated} == rates
    assert {(each["target"], each["day"]) for each in stated} <= {(meta.get("currency"), "2026-01-14")}  # fmt: skip


WORTH = '<EquitySummaryInBase><EquitySummaryByReportDateInBase reportDate="{day}" {more} total="{total}" /></EquitySummaryInBase>'
CASH = '<CashReport><CashReportCurrency currency="{currency}" fxRateToBase="1" endingCash="-50.5" /></CashReport>'


def test_cash_comes_from_the_cash_report_where_net_asset_value_has_none(sync, flex):
    flex.statement = section(
        row(), worth=WORTH.format(day="2026-01-14", more="", total="2949.5"), cash=CASH.format(currency="BASE_SUMMARY")
    )  # fmt: skip
    balances = only(sync()[1])["balances"]

    assert (balances["net_liquidating_value"], balances["cash"]) == (D("2949.5"), D("-50.5"))


def test_balances_that_cannot_be_read_are_flagged_and_not_guessed(sync, flex):
    flex.statement = section(
        row(), worth=WORTH.format(day="2026-01-14", more='cash="?"', total="1")
    )
    document = only(sync()[1])

    assert "balances" not in document
    assert {"caution": "balances_missing"} in document["meta"]["flags"]


def test_an_empty_account_that_its_net_asset_value_contradicts_is_refused(sync, flex):
    worth = WORTH.format(day="2026-01-14", more='cash="100"', total="5000")
    flex.statement = section(information=INFORMATION, worth=worth)

    assert sync()[:2] == (6, {})


def test_a_consolidated_statement_is_taken_apart_by_account(sync, flex):
    flex.statement = section(row(), row("T", accountId="U0000008", conid="2"))
    code, _documents, printed = sync("--all-accounts", "--json")

    assert code == 0, printed
    assert len(re.findall(r'"account_hash"', printed)) >= 2


def test_one_broken_row_among_good_ones_costs_only_itself(sync, flex):
    flex.statement = section(row(), row("T", position="many", conid="2"), row("F", conid="3"), row("X", assetCategory="NEW", conid="4"))  # fmt: skip
    document = only(sync()[1])

    assert [each["symbol"] for each in document["positions"]] == ["F", "MCD"]
    assert [(each["row"], each["reason"]) for each in document["meta"]["rejected"]] == [(2, "quantity_unreadable"), (4, "type_unknown")]  # fmt: skip


def test_the_cost_of_a_lot_that_states_none_is_not_zero(sync, flex):
    flex.statement = section(LOTS[0], without("costBasisMoney", LOTS[1]))
    document = only(sync()[1])

    assert "cost_basis" not in document["positions"][0]
    assert "cost_unknown" in [each["caution"] for each in document["meta"]["flags"]]


def test_a_document_type_is_refused(sync, flex):
    flex.statement = f"<!DOCTYPE FlexQueryResponse>{section(row())}"

    assert sync()[:2] == (6, {})


def test_the_currency_of_another_account_is_not_this_one_s():
    information = {"accountId": "U0000009", "currency": "CHF"}
    held = [{"accountId": "U0000009"}, {"accountId": "U0000008"}]
    statement = {"accountId": "U0000009", "toDate": "2026-01-14", "OpenPositions": held, "AccountInformation": information}  # fmt: skip
    found = by_account([statement])

    assert {number: each["AccountInformation"] for number, each in found.items()} == {
        "U0000009": information,
        "U0000008": {},
    }


def test_of_several_statements_of_an_account_the_last_counts():
    days = ("20260113", "2026-01-14", "12-Jan-26")
    found = by_account([{"accountId": "U0000009", "toDate": day} for day in days])

    assert found["U0000009"]["toDate"] == "2026-01-14"


@pytest.mark.parametrize(
    ("number", "world"),
    [("DU0000009", "simulator"), ("DF000009", "simulator"), ("U0000009", "production")],
)
def test_an_account_for_paper_trading_is_of_a_simulator(number, world):
    assert environment_of(number, Environment.PRODUCTION).value == world
    assert environment_of(number, Environment.SIMULATOR) is Environment.SIMULATOR
