"""`variance sync --broker snaptrade` against a server that behaves like SnapTrade's: every number, and every fault."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from json_faults import FAULTS
from loopback_server import serving
from snaptrade_server import (
    CLIENT_ID,
    CONSUMER_KEY,
    USER_ID,
    USER_SECRET,
    SnapTrade,
)

from variance_bridge import Secret
from variance_bridge.cli.error_report import run
from variance_bridge.document import exact_json
from variance_bridge_snaptrade.signature import signature

D = Decimal
ID = "0f0f0f0f-0000-4000-8000-000000000001"
OTHER_ID = "0f0f0f0f-0000-4000-8000-000000000002"
ACCOUNTS = "/accounts"
POSITIONS, BALANCES = f"/accounts/{ID}/positions/all", f"/accounts/{ID}/balances"
NOW = datetime.now(UTC).replace(microsecond=0)
AS_OF, DAILY = NOW - timedelta(minutes=20), NOW - timedelta(hours=7)
EXPIRY = NOW.date().replace(day=1) + timedelta(days=400)
OSI = f"{EXPIRY:%y%m%d}"


def moment(when):
    return when.isoformat().replace("+00:00", "Z")


def entry(identifier=ID, number="INV00000001", stable="77777701", synced=DAILY, **members):
    holdings = {"initial_sync_completed": True, "last_successful_sync": str(synced)}
    return {
        "id": identifier,
        "brokerage_authorization": "0a0a0a0a-0000-4000-8000-000000000001",
        "name": "Quintus Invented",
        "number": number,
        "institution_account_id": stable,
        "institution_name": "Invented Securities",
        "sync_status": {"holdings": holdings},
        "balance": {"total": {"amount": 30000.5, "currency": "USD"}},
        "status": "open",
        "raw_type": "Margin",
        "is_paper": False,
    } | members


def listed(kind, symbol, **members):
    return {"kind": kind, "id": "x", "symbol": symbol, "raw_symbol": symbol, "currency": "USD"} | members  # fmt: skip


def option(root, right, strike, multiplier="100"):
    symbol = f"{root:6}{OSI}{right}{strike * 1000:08d}"
    return {
        "kind": "option",
        "symbol": symbol,
        "option_type": "CALL" if right == "C" else "PUT",
        "strike_price": str(strike),
        "expiration_date": EXPIRY.isoformat(),
        "multiplier": multiplier,
        "underlying": listed("stock", root),
    }


def row(instrument, units, price, cost, **members):
    return {"instrument": instrument, "units": units, "price": price, "cost_basis": cost, "currency": "USD"} | members  # fmt: skip


def cash(code, amount, buying_power=None):
    return {"currency": {"id": "x", "code": code}, "cash": amount, "buying_power": buying_power}


CALL, PUT, MINI = option("MCD", "C", 310), option("MCD", "P", 280), option("NKE7", "C", 90, "10")
ROWS = [
    row(listed("stock", "MCD"), "100", "300.2", "290.1"),
    row(listed("adr", "BABA"), "-20", "90.5", "95.25"),
    row(CALL, "-1", "2.32", "2.74"),
    row(PUT, "2", "2.10", "3.05"),
    row(MINI, "3", "1.15", "1.2"),
    row(listed("mutualfund", "SPAXX"), "500.25", "1", "1", cash_equivalent=True),
    row(listed("etf", "VAB.TO", currency="CAD"), "40", "23.15", "24.01", currency="CAD"),
    row(listed("crypto", "BTC", currency=None), "0.05", "95000.10", "60000"),
    row(listed("stock", "T"), "0", "20", "18"),
]


@pytest.fixture
def snaptrade():
    answers = {
        ACCOUNTS: [entry()],
        POSITIONS: {"results": ROWS, "data_freshness": {"as_of": moment(AS_OF)}},
        BALANCES: [cash("USD", 1500.5, 5000), cash("CAD", 120.5)],
    }
    with serving(SnapTrade(answers)) as server:
        yield server


@pytest.fixture
def sync(snaptrade, tmp_path, monkeypatch, capsys):
    """Run the command; its exit code, the document (None where there is none) and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("variance_bridge.clock.SystemClock.sleep", lambda *_: None)

    def call(*arguments, before=(), key=CONSUMER_KEY, user=None, secret=None):
        given = {"CLIENT_ID": CLIENT_ID, "CONSUMER_KEY": key, "USER_ID": user, "USER_SECRET": secret}  # fmt: skip
        for name, value in given.items():
            if value is None:
                monkeypatch.delenv(f"SNAPTRADE_{name}", raising=False)
            else:
                monkeypatch.setenv(f"SNAPTRADE_{name}", value)
        place = f"base_url={snaptrade.url}"
        code = run([*before, "sync", "--broker", "snaptrade", "--set", place, *arguments])
        file = tmp_path / "positions" / "live_snaptrade.json"
        document = exact_json.loads(file.read_bytes()) if file.exists() else None
        return code, document, "".join(capsys.readouterr())

    return call


def flags(document):
    return {(each["caution"], each.get("symbol")) for each in document["meta"].get("flags", ())}


def test_every_number_of_an_invented_portfolio(sync):
    code, document, printed = sync()

    assert code == 0, printed
    meta = document["meta"]
    assert (meta["source"], meta["environment"], meta["currency"]) == (
        "snaptrade",
        "simulator",
        "USD",
    )
    assert meta["counts"] == {"fetched": 9, "normalized": 8, "closed": 1, "rejected": 0}
    assert (meta["fetched_at"], meta["timeliness"]) == (moment(AS_OF), "delayed")
    money = {
        position["symbol"]: tuple(
            position.get(name)
            for name in (
                "side",
                "quantity",
                "multiplier",
                "cost_basis",
                "market_value",
                "unrealized_pl",
            )
        )
        for position in document["positions"]
    }
    assert money == {
        "MCD": ("long", 100, 1, 29010, 30020, 1010),
        "BABA": ("short", 20, 1, 1905, -1810, 95),
        CALL["symbol"]: ("short", 1, 100, 274, -232, 42),
        PUT["symbol"]: ("long", 2, 100, 610, 420, -190),
        MINI["symbol"]: ("long", 3, 10, 36, D("34.5"), D("-1.5")),
        "SPAXX": ("long", D("500.25"), 1, D("500.25"), D("500.25"), 0),
        "VAB/TO": ("long", 40, 1, D("960.4"), 926, D("-34.4")),
        "BTC/USD": ("long", D("0.05"), 1, 3000, D("4750.005"), D("1750.005")),
    }
    foreign = next(each for each in document["positions"] if each["symbol"] == "VAB/TO")
    assert (foreign["currency"], foreign["broker_symbol"]) == ("CAD", "VAB.TO")


def test_accounts_are_listed_and_the_document_is_shown_and_triaged(
    sync, snaptrade, tmp_path, capsys
):
    sync()
    table = tmp_path / "variance.toml"
    table.write_text(f'[brokers.snaptrade]\nbase_url = "{snaptrade.url}"\n')

    assert run(["--config", str(table), "accounts", "--broker", "snaptrade"]) == 0
    listed_accounts = capsys.readouterr().out
    assert "Invented Securities Margin" in listed_accounts
    assert "INV00000001" not in listed_accounts
    assert run(["show"]) == 0
    assert "30,020.00" in capsys.readouterr().out
    assert run(["triage", "--json"]) == 0
    clusters = json.loads(capsys.readouterr().out)["clusters"]
    assert {each["root"] for each in clusters} >= {"MCD", "BABA", "NKE"}


def test_what_cash_counts_too_is_not_counted_twice(sync):
    _code, document, _printed = sync()

    assert document["balances"] == {
        "currency": "USD",
        "net_liquidating_value": D("30000.5"),
        "cash": D("1000.25"),  # 1500.50 without the 500.25 of SPAXX
        "buying_power": 5000,
        "as_of": moment(DAILY),
    }
    assert ("counted_in_cash", "SPAXX") in flags(document)


def test_cash_in_another_currency_is_named_on_the_screen(sync):
    _code, _document, printed = sync()

    assert "cash in CAD is not in the document" in printed


def test_a_cash_equivalent_of_unknown_value_leaves_the_balances_unknown(sync, snaptrade):
    snaptrade.answers[POSITIONS]["results"] = [
        *ROWS[:1],
        row(listed("mutualfund", "SPAXX"), "500", None, "1", cash_equivalent=True),
    ]
    _code, document, _printed = sync()

    assert "balances" not in document
    assert ("balances_missing", None) in flags(document)


@pytest.mark.parametrize(
    ("found", "are_known"),
    [
        (row(listed("mutualfund", "SPAXX"), None, "1", "1", cash_equivalent=True), False),
        (row(listed("mutualfund", "SPAXX"), None, "1", "1"), False),
        (row(listed("mutualfund", "SPAXX"), "500", "1", "1", cash_equivalent=None), False),
        (None, False),
        (row(listed("mutualfund", "VFIAX"), None, "610.2", "600"), True),
        (row(listed("stock", "MCD"), None, "1", "1"), True),
        (row(listed("mutualfund", "SPAXX"), "500", "1", "1", cash_equivalent=False), True),
    ],
)
def test_cash_is_unknown_where_a_row_may_be_counted_in_it(sync, snaptrade, found, are_known):
    snaptrade.answers[POSITIONS]["results"] = [*ROWS[:1], found]
    _code, document, _printed = sync()

    assert ("balances" in document) == are_known
    assert (("balances_missing", None) in flags(document)) == (not are_known)


def test_nothing_personal_is_printed_or_written(sync, snaptrade):
    snaptrade.commercial = True
    code, document, printed = sync(before=("-vv",), user=USER_ID, secret=USER_SECRET)
    everything = printed + json.dumps(document, default=str)

    assert code == 0, printed
    assert "/positions/all" in printed  # the log was on
    secrets = (CLIENT_ID, "INVENTED%2BCLIENT", CONSUMER_KEY, USER_SECRET, "invented%20user")
    for value in ("Quintus", "INV00000001", "77777701", ID, *secrets):
        assert value not in everything


def test_a_personal_key_is_signed_and_names_no_user(sync, snaptrade):
    assert sync()[0] == 0

    assert [path for _method, path, _query in snaptrade.asked] == [ACCOUNTS, POSITIONS, BALANCES]
    assert {method for method, _path, _query in snaptrade.asked} == {"GET"}
    assert not any("user" in query for _method, _path, query in snaptrade.asked)


def test_a_commercial_key_names_its_user_and_both_are_signed(sync, snaptrade):
    snaptrade.commercial = True

    assert sync(user=USER_ID, secret=USER_SECRET)[0] == 0
    assert sync()[0] == 4  # and without its user it is refused


def test_half_a_user_is_not_sent(sync, snaptrade):
    code, _document, printed = sync(user=USER_ID)

    assert (code, snaptrade.asked) == (3, [])
    assert "SNAPTRADE_USER_SECRET" in printed


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_both_prefixes_of_the_api_are_signed_as_they_are_sent(sync, snaptrade, prefix):
    code, document, printed = sync("--set", f"path_prefix={prefix}")

    assert code == 0, printed
    assert len(document["positions"]) == 8
    assert all(path.startswith(f"{prefix}/accounts") for _method, path, _query in snaptrade.asked)


def test_the_signature_is_the_one_that_the_documentation_computes():
    params = [("clientId", "PASSIVTEST"), ("timestamp", "1635790389")]
    made = signature(Secret("YOUR_CONSUMER_KEY"), "/api/v1/accounts", params).reveal()

    # As openssl computes it: dgst -sha256 -hmac KEY -binary | base64, of the canonical text of the documentation.
    assert made == "xsvdwHP7ThaYhEG8v8+83nhealWS0NeYN2xkKuf/ETs="


def test_a_wrong_key_is_tried_once(sync, snaptrade):
    code, document, printed = sync(key="another-key")

    assert (code, document, len(snaptrade.asked)) == (4, None, 1)
    assert "clock" in printed


def test_the_key_is_never_used_with_another_address(sync, snaptrade):
    snaptrade.url = "https://evil.example"

    assert sync()[0] == 3
    assert snaptrade.asked == []


def test_what_the_daily_round_read_is_of_that_time_and_end_of_day(sync, snaptrade):
    snaptrade.answers[POSITIONS]["data_freshness"] = {"as_of": moment(DAILY + timedelta(seconds=3))}
    meta = sync()[1]["meta"]
    assert meta["fetched_at"] == moment(DAILY + timedelta(seconds=3))
    assert meta["timeliness"] == "end_of_day"


def test_without_as_of_the_last_sync_is_the_time(sync, snaptrade):
    del snaptrade.answers[POSITIONS]["data_freshness"]
    meta = sync()[1]["meta"]

    assert (meta["fetched_at"], meta["timeliness"]) == (moment(DAILY), "end_of_day")


def test_a_copy_of_unknown_age_is_refused(sync, snaptrade):
    del snaptrade.answers[POSITIONS]["data_freshness"]
    snaptrade.answers[ACCOUNTS] = [
        entry(sync_status={"holdings": {"initial_sync_completed": True}})
    ]

    assert sync()[:2] == (6, None)


def test_an_old_copy_is_dated_as_it_is_and_the_user_is_warned(sync, snaptrade):
    old = NOW - timedelta(days=9)
    snaptrade.answers[POSITIONS]["data_freshness"] = {"as_of": moment(old)}
    code, document, printed = sync()

    assert code == 0, printed
    assert document["meta"]["fetched_at"] == moment(old)
    assert "9 d 0 h old" in printed
    assert "reconnect" in printed


@pytest.mark.parametrize(
    ("holdings", "code"),
    [
        ({"holdings_unavailable": True, "last_successful_sync": str(DAILY)}, 6),
        ({"holdings_unavailable": "yes", "last_successful_sync": str(DAILY)}, 6),
        ({"initial_sync_completed": False, "last_successful_sync": None}, 5),
    ],
)
def test_unavailable_holdings_are_never_an_empty_account(sync, snaptrade, holdings, code):
    # Even where the balances would agree with an empty account.
    total = {"total": {"amount": 100, "currency": "USD"}}
    snaptrade.answers[ACCOUNTS] = [entry(balance=total, sync_status={"holdings": holdings})]
    snaptrade.answers[POSITIONS] = {"results": [], "data_freshness": {"as_of": moment(AS_OF)}}
    snaptrade.answers[BALANCES] = [cash("USD", 100)]

    assert sync()[:2] == (code, None)
    assert len(snaptrade.asked) == 1


def test_an_empty_account_is_empty_only_where_the_total_agrees(sync, snaptrade):
    snaptrade.answers[POSITIONS] = {"results": [], "data_freshness": {"as_of": moment(AS_OF)}}
    assert sync()[:2] == (6, None)

    snaptrade.answers[BALANCES] = [cash("USD", 30000.5)]
    code, document, printed = sync()
    assert (code, document["positions"]) == (0, []), printed


def test_unknown_multipliers_are_flagged_and_never_guessed(sync, snaptrade):
    unknown = option("F", "C", 12, None)
    future = listed("future", f"ES{'HMUZ'[(EXPIRY.month - 1) // 3]}{EXPIRY:%y}", multiplier=None)
    snaptrade.answers[POSITIONS]["results"] = [
        row(unknown, "1", "1", "1"),
        row(future, "1", "6000", "5990"),
        row(listed("cfd", "NKE"), "1", "10", "9"),
    ]
    code, document, printed = sync()

    assert code == 0, printed
    for held in document["positions"]:
        assert [held.get(name) for name in ("multiplier", "cost_basis", "market_value")] == [None] * 3  # fmt: skip
        assert ("multiplier_unknown", held["symbol"]) in flags(document)
    assert {held["type"] for held in document["positions"]} == {"option", "future", "other"}


def test_a_multiplier_that_is_stated_is_used(sync, snaptrade):
    symbol = f"ES{'HMUZ'[(EXPIRY.month - 1) // 3]}{EXPIRY:%y}"
    future = listed("future", symbol, multiplier="50")
    snaptrade.answers[POSITIONS]["results"] = [row(future, "-2", "6000.25", "6010.5")]
    held = sync()[1]["positions"][0]

    assert (held["multiplier"], held["cost_basis"], held["market_value"], held["unrealized_pl"]) == (50, 601050, -600025, 1025)  # fmt: skip


def test_a_broken_row_is_rejected_alone(sync, snaptrade):
    bad = [
        row(listed("stock", "NKE"), "many", "1", "1"),
        row(None, "1", "1", "1"),
        None,
        row({**CALL, "strike_price": "315"}, "1", "1", "1"),
    ]
    snaptrade.answers[POSITIONS]["results"] = [*ROWS[:2], *bad]
    code, document, printed = sync()

    assert code == 0, printed
    assert len(document["positions"]) == 2
    assert [each["row"] for each in document["meta"]["rejected"]] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("members", "caution", "unknown"),
    [
        ({"cost_basis": "-2.5"}, "sign_unconfirmed", "cost_basis"),
        ({"cost_basis": None}, "cost_unknown", "cost_basis"),
        ({"price": "-1"}, "value_contradicted", "market_value"),
        ({"currency": "dollars"}, "cost_unknown", "market_value"),
    ],
)
def test_money_that_makes_no_sense_is_unknown_and_flagged(
    sync, snaptrade, members, caution, unknown
):
    doubtful = row(listed("stock", "MCD"), "-1", "300", "290") | members
    snaptrade.answers[POSITIONS]["results"] = [doubtful, ROWS[1]]
    code, document, printed = sync()
    held = next(each for each in document["positions"] if each["symbol"] == "MCD")

    assert code == 0, printed
    assert unknown not in held
    assert "unrealized_pl" not in held
    assert (caution, "MCD") in flags(document)


def test_a_share_that_is_quoted_in_pence_is_published_in_pounds(sync, snaptrade):
    pence = row(listed("stock", "VOD.L", currency="GBX"), "100", "75", "70", currency="GBX")
    snaptrade.answers[POSITIONS]["results"] = [pence, ROWS[1]]
    code, document, printed = sync()
    held = next(each for each in document["positions"] if each.get("broker_symbol") == "VOD.L")

    assert code == 0, printed
    assert (held["currency"], held["quote"]["mark"]) == ("GBP", Decimal("0.75"))
    assert (held["cost_basis"], held["market_value"], held["unrealized_pl"]) == (70, 75, 5)
    assert ("minor_unit", held["symbol"]) in flags(document)


def test_an_expiration_that_contradicts_the_symbol_costs_the_row(sync, snaptrade):
    other = {**CALL, "expiration_date": (EXPIRY + timedelta(days=7)).isoformat()}
    snaptrade.answers[POSITIONS]["results"] = [ROWS[0], row(other, "1", "1", "1")]
    document = sync()[1]

    assert [each["reason"] for each in document["meta"]["rejected"]] == ["terms_contradict"]


def test_a_cash_equivalent_in_another_currency_leaves_this_currencys_cash(sync, snaptrade):
    fund = listed("mutualfund", "SPAXX", currency="CAD")
    snaptrade.answers[POSITIONS]["results"] = [
        ROWS[0],
        row(fund, "100", "1", "1", currency="CAD", cash_equivalent=True),
    ]

    assert sync()[1]["balances"]["cash"] == D("1500.5")


def test_two_balances_in_one_currency_are_not_chosen_from(sync, snaptrade):
    snaptrade.answers[BALANCES] = [cash("USD", 1500.5), cash("USD", 7)]

    assert "balances" not in sync()[1]


def test_one_number_at_two_institutions_is_two_accounts(sync, snaptrade):
    elsewhere = entry(OTHER_ID, institution_name="Other Invented Bank")
    snaptrade.answers[ACCOUNTS] = [entry(), elsewhere]
    snaptrade.answers |= {
        POSITIONS.replace(ID, OTHER_ID): snaptrade.answers[POSITIONS],
        BALANCES.replace(ID, OTHER_ID): snaptrade.answers[BALANCES],
    }

    assert sync("--all-accounts")[0] == 0
    assert len(list(snaptrade_files())) == 2


def test_an_account_of_two_connections_is_reported_once_from_the_fresher_one(sync, snaptrade):
    old = entry(OTHER_ID, synced=DAILY - timedelta(days=30))
    for entries in ([old, entry()], [entry(), old]):
        snaptrade.answers[ACCOUNTS] = entries
        snaptrade.asked.clear()
        code, _document, printed = sync()

        assert code == 0, printed
        assert snaptrade.asked[1][1] == POSITIONS


def test_masked_numbers_keep_accounts_apart(snaptrade, sync):
    masked = {"number": "****0001", "stable": None}
    snaptrade.answers[ACCOUNTS] = [entry(**masked), entry(OTHER_ID, **masked)]
    snaptrade.answers |= {
        f"/accounts/{OTHER_ID}/positions/all": {
            "results": ROWS[:1],
            "data_freshness": {"as_of": moment(AS_OF)},
        },
        f"/accounts/{OTHER_ID}/balances": [cash("USD", 1)],
    }

    assert sync()[0] == 3  # which of the two?
    assert sync("--all-accounts")[0] == 0
    assert len(list(snaptrade_files())) == 2


def snaptrade_files():
    from pathlib import Path

    return Path("positions").glob("live_snaptrade*.json")


def test_closed_accounts_are_left_out_and_lost_ones_named(sync, snaptrade):
    gone = [entry(OTHER_ID, "INV2", "2", status=status) for status in ("closed", "archived")]
    lost = entry(OTHER_ID, "INV3", "3", status="unavailable")
    snaptrade.answers[ACCOUNTS] = [*gone, lost, entry("../../etc"), entry()]
    code, document, printed = sync()

    assert (code, len(document["positions"])) == (0, 8)
    assert "1 account that SnapTrade can no longer see" in printed
    assert "1 account in SnapTrade's list that cannot be read" in printed


def test_no_account_at_all_is_refused_with_what_to_do(sync, snaptrade):
    snaptrade.answers[ACCOUNTS] = []
    code, document, printed = sync()

    assert (code, document) == (6, None)
    assert "connect your broker" in printed


BUSY = b'{"detail":"Unable to sync with brokerage account.","status_code":503,"code":3002}'
OWN_FAULTS = [
    ((400, {}, b'{"detail":"Unable to verify data sent","code":1076}'), 1, 4),
    ((401, {}, b'{"detail":"Unable to verify signature sent","code":1076}'), 1, 4),
    ((402, {}, b'{"detail":"the connection is disabled","code":3003}'), 1, 4),
    ((425, {}, b'{"detail":"currently being populated","code":3012}'), 1, 5),
    ((429, {}, b'{"detail":"Request was throttled.","status_code":429}'), 3, 5),
    ((503, {}, BUSY), 3, 5),
    ((200, {}, b'{"results": [{"units": "1'), 1, 6),
    ((200, {}, b'{"detail": "something went wrong", "code": 1000}'), 1, 6),
]


@pytest.mark.parametrize(
    "path",
    [POSITIONS, *(pytest.param(one, marks=pytest.mark.slow) for one in (ACCOUNTS, BALANCES))],
)
@pytest.mark.parametrize(("fault", "times", "code"), [*FAULTS, *OWN_FAULTS])
def test_each_fault_has_its_exit_and_leaves_no_document(sync, snaptrade, path, fault, times, code):
    snaptrade.faults[path] = [fault] * times
    found, document, printed = sync()

    assert (found, document) == (code, None), printed
    assert CONSUMER_KEY not in printed
    assert "\n  " in printed, "the error does not say what to do"


def test_a_rate_limit_and_an_outage_are_retried(sync, snaptrade):
    snaptrade.faults[POSITIONS] = [(429, {"Retry-After": "1"}, b""), (503, {}, BUSY)]

    assert sync()[0] == 0
