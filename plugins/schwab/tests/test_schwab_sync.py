"""`variance auth login`, `accounts`, `sync`, `show` and `triage` of schwab, against a server that behaves like Schwab's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, build_opener

import pytest
from json_faults import FAULTS
from loopback_server import serving
from schwab_server import ACCESS, CALLBACK, KEY, NUMBERS, REFRESH, SECRET, TOKEN, Schwab

from variance_bridge.cli.error_report import run
from variance_bridge.document import exact_json

D = Decimal
NUMBER, OTHER = "INV00000001", "INV00000002"
HASH, OTHER_HASH = "0A1B2C3D4E5F", "0F1E2D3C4B5A"
ACCOUNT, OTHER_ACCOUNT = f"/trader/v1/accounts/{HASH}", f"/trader/v1/accounts/{OTHER_HASH}"
CALL, PUT = "MCD   310321C00310000", "MCD   310321P00280000"
ADJUSTED, MINI = "BABA2 310321C00090000", "AMZN7 310321C00200000"


def listed(kind, symbol, **members):
    return {"assetType": kind, "symbol": symbol, "cusip": "INVENTED0", "netChange": 0.1, **members}


def option(symbol, right, underlying):
    return listed("OPTION", symbol, putCall=right, underlyingSymbol=underlying, type="VANILLA")


def row(instrument, quantity, average, value, profit, day=0.0):
    side = "long" if quantity >= 0 else "short"
    return {
        "longQuantity": max(quantity, 0.0),
        "shortQuantity": max(-quantity, 0.0),
        "averagePrice": average,
        "marketValue": value,
        f"{side}OpenProfitLoss": profit,
        "currentDayProfitLoss": day,
        "instrument": instrument,
    }


ETF = listed("COLLECTIVE_INVESTMENT", "SPY", type="EXCHANGE_TRADED_FUND")
ROWS = [
    row(listed("EQUITY", "MCD"), 100.0, 290.1, 30025.0, 1015.0, -273.900000000001),
    row(listed("EQUITY", "F"), -200.0, 11.848, -2280.0, 89.6),
    row(ETF, 10.0, 500.0, 5200.0, 200.0),
    row(option(CALL, "CALL", "MCD"), -1.0, 2.7334, -232.0, 41.34),
    row(option(PUT, "PUT", "MCD"), 2.0, 3.0566, 420.0, -191.32),
    row(option(ADJUSTED, "CALL", "BABA"), 1.0, 1.2066, 55.0, -5.33),
    row(option(MINI, "CALL", "AMZN"), 3.0, 2.0, 66.0, 6.0),
    row(listed("FIXED_INCOME", "912828YK0", type="US_TREASURY_NOTE"), 5.0, 98.5, 4950.0, 25.0),
    row(listed("MUTUAL_FUND", "VFIAX"), 10.123, 400.0, 4200.03, 150.83),
    row(listed("CASH_EQUIVALENT", "SWVXX", type="SWEEP_VEHICLE"), 500.0, 1.0, 500.0, 0.0),
    row(listed("EQUITY", "T"), 0.0, 19.5, 0.0, 0.0),
]
HELD = D("42404.03")
"""The values of all rows but the sweep fund's, added by hand."""

SHEET = {
    "liquidationValue": 43404.03,
    "cashBalance": 1000.0,
    "buyingPower": 5000.0,
    "maintenanceRequirement": 12000.0,
    "longMarketValue": 39425.03,
    "shortMarketValue": -2280.0,
    "moneyMarketFund": 500.0,
}
EMPTY = {"liquidationValue": 2500.1, "cashBalance": 2500.1, "longMarketValue": 0.0, "mutualFundValue": 2500.1}  # fmt: skip


def account(rows, sheet, number=NUMBER):
    held = {} if rows is None else {"positions": rows}
    return {"securitiesAccount": {"type": "MARGIN", "accountNumber": number, **held, "currentBalances": sheet}}  # fmt: skip


@pytest.fixture
def schwab():
    answers = {
        NUMBERS: [{"accountNumber": NUMBER, "hashValue": HASH}],
        ACCOUNT: account(ROWS, SHEET),
    }
    with serving(Schwab(answers)) as server:
        yield server


@pytest.fixture
def variance(schwab, tmp_path, monkeypatch, capsys):
    """Run a command; its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("variance_bridge.clock.SystemClock.sleep", lambda *_: None)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    monkeypatch.setenv("VARIANCE_CONFIG", str(tmp_path / "variance.toml"))

    def call(*arguments):
        (tmp_path / "variance.toml").write_text(
            f'broker = "schwab"\n[brokers.schwab]\nbase_url = "{schwab.url}"\ncallback_url = "{CALLBACK}"\n'
        )
        code = run([str(argument) for argument in arguments])
        return code, "".join(capsys.readouterr())

    return call


@pytest.fixture
def sync(variance, tmp_path, monkeypatch):
    """Sync; the exit code, the document (None where there is none) and what was printed."""

    def call(*arguments, key=KEY, secret=SECRET, refresh=REFRESH):
        names = {"SCHWAB_APP_KEY": key, "SCHWAB_APP_SECRET": secret, "SCHWAB_REFRESH_TOKEN": refresh}  # fmt: skip
        for name, value in names.items():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        code, printed = variance("sync", *arguments)
        file = tmp_path / "positions" / "live_schwab.json"
        document = exact_json.loads(file.read_bytes()) if file.exists() else None
        return code, document, printed

    return call


MEMBERS = ("type", "side", "quantity", "multiplier", "cost_basis", "market_value", "unrealized_pl")


def test_every_number_of_an_invented_portfolio(sync):
    code, document, printed = sync()

    assert code == 0, printed
    meta = document["meta"]
    assert (meta["source"], meta["environment"], meta["currency"], meta["status"]) == ("schwab", "simulator", "USD", "complete")  # fmt: skip
    assert meta["counts"] == {"fetched": 11, "normalized": 10, "closed": 1, "rejected": 0}
    assert document["balances"] == {
        "currency": "USD",
        "net_liquidating_value": D("43404.03"),
        "cash": 500,
        "buying_power": 5000,
        "maintenance_requirement": 12000,
    }
    held = {position["symbol"]: position for position in document["positions"]}
    assert {symbol: tuple(map(one.get, MEMBERS)) for symbol, one in held.items()} == {
        "MCD": ("stock", "long", 100, 1, 29010, 30025, 1015),
        "F": ("stock", "short", 200, 1, D("2369.6"), -2280, D("89.6")),
        "SPY": ("stock", "long", 10, 1, 5000, 5200, 200),
        CALL: ("option", "short", 1, 100, D("273.34"), -232, D("41.34")),
        PUT: ("option", "long", 2, 100, D("611.32"), 420, D("-191.32")),
        ADJUSTED: ("option", "long", 1, 50, D("60.33"), 55, D("-5.33")),
        MINI: ("option", "long", 3, 10, 60, 66, 6),
        "912828YK0": ("bond", "long", 5, 10, 4925, 4950, 25),
        "VFIAX": ("fund", "long", D("10.123"), 1, D("4049.2"), D("4200.03"), D("150.83")),
        "SWVXX": ("fund", "long", 500, 1, 500, 500, 0),
    }
    assert sum(one["market_value"] for one in held.values()) - 500 == HELD
    assert (held[CALL]["average_price"], held[CALL]["quote"]["mark"]) == (D("2.7334"), D("2.32"))
    assert (held[CALL]["root"], held[CALL]["strike"], held[CALL]["option_type"]) == ("MCD", 310, "call")  # fmt: skip
    assert (held[ADJUSTED]["root"], held[ADJUSTED]["deliverable"]) == ("BABA", "adjusted")
    assert held["MCD"]["day_pl"] == D("-273.900000000001")
    assert "quote" not in held["VFIAX"]  # no price has six decimals and gives that value
    cautions = {(flag["symbol"], flag["caution"]) for flag in meta["flags"]}
    assert {(ADJUSTED, "adjusted_deliverable"), (MINI, "adjusted_deliverable"), ("SWVXX", "counted_in_cash")} == cautions  # fmt: skip


def test_accounts_show_and_triage_work_on_it(sync, variance):
    sync()
    code, printed = variance("accounts")
    assert (code, NUMBER in printed, HASH in printed) == (0, False, False)
    for command in ("show", "triage", "doctor"):
        code, printed = variance(command)
        assert code == 0, printed
    assert "30,025" in variance("show")[1]


def test_nothing_personal_is_printed_or_written(sync):
    code, document, printed = sync("--json")
    everything = printed + json.dumps(document, default=str)

    assert code == 0
    for value in (NUMBER, HASH, ACCESS, REFRESH, KEY, SECRET):
        assert value not in everything


def test_one_token_and_one_request_for_each_thing(sync, schwab):
    sync()

    assert schwab.asked == [("POST", TOKEN), ("GET", NUMBERS), ("GET", f"{ACCOUNT}?fields=positions")]  # fmt: skip


def test_several_accounts_are_named_by_hash_and_each_gets_its_file(sync, schwab, tmp_path):
    schwab.answers[NUMBERS].append({"accountNumber": OTHER, "hashValue": OTHER_HASH})
    schwab.answers[OTHER_ACCOUNT] = account(ROWS[:1], {"liquidationValue": 30125.0, "cashBalance": 100.0}, OTHER)  # fmt: skip

    assert sync()[0] == 3
    assert sync("--all-accounts")[0] == 0
    assert len(list((tmp_path / "positions").glob("live_schwab_*.json"))) == 2


@pytest.mark.parametrize("rows", [None, []])
def test_an_account_with_nothing_but_cash_is_empty(sync, schwab, rows):
    schwab.answers[ACCOUNT] = account(rows, EMPTY)
    code, document, printed = sync()

    assert (code, document["positions"]) == (0, []), printed
    assert document["balances"]["cash"] == D("2500.1")


@pytest.mark.parametrize(
    "change",
    [
        {"liquidationValue": 2600.1},
        {"longMarketValue": 100.0},
        {"shortOptionMarketValue": -3.5},
        {"cashBalance": None},
        {"liquidationValue": None},
    ],
)
def test_positions_that_are_missing_are_not_an_empty_account_unless_the_balances_say_so(
    sync, schwab, change
):
    schwab.answers[ACCOUNT] = account(None, EMPTY | change)

    assert sync()[:2] == (6, None)


def test_null_for_positions_means_no_positions(sync, schwab):
    answer = account([], SHEET)
    answer["securitiesAccount"]["positions"] = None
    schwab.answers[ACCOUNT] = answer
    assert sync()[:2] == (6, None)

    answer["securitiesAccount"]["currentBalances"] = EMPTY
    assert sync()[0] == 0


def test_what_is_borrowed_belongs_to_the_cash(sync, schwab):
    sheet = {"liquidationValue": 20000.0, "cashBalance": 0.0, "marginBalance": -12500.0, "shortBalance": 2475.0}  # fmt: skip
    schwab.answers[ACCOUNT] = account(ROWS[:1], sheet)

    assert sync()[1]["balances"]["cash"] == -10025


def test_cash_that_fits_in_no_way_is_schwabs_own_and_flagged(sync, schwab):
    schwab.answers[ACCOUNT] = account(ROWS, SHEET | {"liquidationValue": 43000.0})
    code, document, printed = sync()

    assert code == 0, printed
    assert document["balances"]["cash"] == 1000
    assert {"caution": "balances_disagree"} in document["meta"]["flags"]


@pytest.mark.parametrize("sheet", [None, {}, {"liquidationValue": 1.0}])
def test_positions_are_kept_without_balances(sync, schwab, sheet):
    schwab.answers[ACCOUNT] = account(ROWS[:2], sheet)
    code, document, printed = sync()

    assert (code, len(document["positions"])) == (0, 2), printed
    assert "balances" not in document
    assert {"caution": "balances_missing"} in document["meta"]["flags"]


def test_cash_is_unknown_where_a_row_beside_a_sweep_fund_cannot_be_read(sync, schwab):
    schwab.answers[ACCOUNT] = account([*ROWS, None], SHEET)
    document = sync()[1]

    assert "balances" not in document
    assert {"caution": "balances_missing"} in document["meta"]["flags"]


def test_a_restricted_account_is_synced_with_a_warning(sync, schwab):
    schwab.answers[ACCOUNT]["securitiesAccount"]["isClosingOnlyRestricted"] = True
    code, _document, printed = sync()

    assert (code, "only close positions" in printed) == (0, True)


@pytest.mark.parametrize(
    ("members", "multiplier", "cautions"),
    [
        ({}, 100, set()),
        ({"longOpenProfitLoss": None}, 100, set()),
        ({"marketValue": None}, 100, set()),
        ({"longOpenProfitLoss": -191.5}, None, {"multiplier_unknown"}),
        ({"longOpenProfitLoss": 413.8868}, 1, set()),
    ],
)
def test_a_standard_option_is_for_100_shares_unless_its_own_numbers_say_otherwise(
    sync, schwab, members, multiplier, cautions
):
    schwab.answers[ACCOUNT] = account([ROWS[4] | members], SHEET)
    document = sync()[1]
    (held,) = document["positions"]

    assert held.get("multiplier") == multiplier
    assert {one["caution"] for one in document["meta"].get("flags", [])} == cautions


@pytest.mark.parametrize("members", [{"longOpenProfitLoss": None}, {"averagePrice": 0.0001}, {"marketValue": None}])  # fmt: skip
def test_the_multiplier_of_an_adjusted_option_is_never_guessed(sync, schwab, members):
    schwab.answers[ACCOUNT] = account([ROWS[5] | members, ROWS[0]], SHEET)
    code, document, printed = sync()
    held = next(one for one in document["positions"] if one["symbol"] == ADJUSTED)

    assert code == 0, printed
    assert [held.get(name) for name in ("multiplier", "cost_basis", "unrealized_pl")] == [None] * 3
    assert ("multiplier_unknown", ADJUSTED) in {(one["caution"], one.get("symbol")) for one in document["meta"]["flags"]}  # fmt: skip


def test_a_broken_row_is_rejected_alone(sync, schwab):
    bad = [
        row(listed("EQUITY", "NKE"), 1.0, 1.0, 1.0, 0.0) | {"longQuantity": "many"},
        row(listed("EQUITY", "NKE"), 1.0, 1.0, 1.0, 0.0) | {"shortQuantity": 2.0},
        None,
        row(None, 1.0, 1.0, 1.0, 0.0),
        row(option(CALL, "PUT", "MCD"), 1.0, 1.0, 1.0, 0.0),
        {"instrument": listed("EQUITY", "NKE"), "longQuantity": 0.0},
    ]
    schwab.answers[ACCOUNT] = account([*ROWS[:2], *bad], SHEET)
    code, document, printed = sync()

    assert code == 0, printed
    assert [one["row"] for one in document["meta"]["rejected"]] == [3, 4, 5, 6, 7, 8]
    assert len(document["positions"]) == 2


def test_a_type_that_is_not_known_is_kept_as_other(sync, schwab):
    schwab.answers[ACCOUNT] = account([row(listed("NOVELTY", "XYZ"), 1.0, 1.0, 1.0, 0.0)], SHEET)
    document = sync()[1]

    assert document["positions"][0]["type"] == "other"
    assert "type_unknown" in {one["caution"] for one in document["meta"]["flags"]}


def test_an_account_that_cannot_be_read_is_named_and_the_others_are_synced(sync, schwab):
    schwab.answers[NUMBERS] += [{"accountNumber": OTHER}, {"accountNumber": OTHER, "hashValue": "../x"}]  # fmt: skip
    code, _document, printed = sync()
    assert (code, "2 accounts in Schwab's list cannot be read" in printed) == (0, True)

    schwab.answers[NUMBERS] = [{"accountNumber": NUMBER}]
    assert sync()[0] == 6
    schwab.answers[NUMBERS] = []
    assert sync()[0] == 6


def test_another_accounts_answer_is_refused(sync, schwab):
    schwab.answers[ACCOUNT] = account(ROWS, SHEET, OTHER)

    assert sync()[:2] == (6, None)


@pytest.mark.parametrize(
    "path", [ACCOUNT, *(pytest.param(one, marks=pytest.mark.slow) for one in (TOKEN, NUMBERS))]
)
@pytest.mark.parametrize(("fault", "times", "code"), FAULTS)
def test_each_fault_has_its_exit_and_leaves_no_document(sync, schwab, path, fault, times, code):
    # An access token that is refused is replaced once; a refused log-in is final.
    again = fault[0] == 401 and path != TOKEN
    schwab.faults[path] = [fault] * (times + again)
    found, document, printed = sync()

    assert (found, document) == (code, None), printed
    assert [value for value in (ACCESS, REFRESH, SECRET, NUMBER) if value in printed] == []
    assert "\n  " in printed, "the error does not say what to do"


def test_a_rate_limit_and_an_outage_are_retried(sync, schwab):
    for path in (TOKEN, NUMBERS, ACCOUNT):
        schwab.faults[path] = [(429, {"Retry-After": "1"}, b""), (500, {}, b"")]

    assert sync()[0] == 0


def test_an_access_token_that_ends_early_is_replaced_once(sync, schwab):
    schwab.faults[ACCOUNT] = [(401, {}, b"")]
    code, _document, printed = sync()

    assert code == 0, printed
    assert [target for _method, target in schwab.asked].count(TOKEN) == 2


@pytest.mark.parametrize("wrong", [{"key": "x" * 9}, {"secret": "x" * 9}, {"refresh": "expired"}])
def test_a_log_in_that_is_not_accepted_is_tried_once_and_asks_for_a_new_one(sync, schwab, wrong):
    code, document, printed = sync(**wrong)

    assert (code, document, len(schwab.asked)) == (4, None, 1)
    assert "variance auth login --broker schwab" in printed


def test_the_log_in_goes_to_no_other_address(sync, schwab):
    schwab.url = "https://evil.example"
    code, _document, printed = sync()

    assert (code, schwab.asked, "evil" in printed) == (3, [], False)


def test_a_token_that_is_replaced_is_kept_in_env_even_if_the_sync_fails_afterwards(
    sync, schwab, tmp_path
):
    file = tmp_path / ".env"
    file.write_text(f"# of Schwab\nSCHWAB_REFRESH_TOKEN='{REFRESH}'\nOTHER=1\n")
    file.chmod(0o600)
    schwab.rotates = "invented-refresh-token-2"
    schwab.faults[ACCOUNT] = [(404, {}, b"")]
    assert sync(refresh=None)[0] == 6
    assert file.read_text() == "# of Schwab\nSCHWAB_REFRESH_TOKEN=invented-refresh-token-2\nOTHER=1\n"  # fmt: skip
    assert file.stat().st_mode & 0o777 == 0o600

    code, _document, printed = sync(refresh=None)
    assert code == 0, printed


@pytest.mark.slow
def test_processes_that_sync_at_once_never_send_a_refresh_token_that_is_used_up(schwab, tmp_path):
    schwab.takes_each_once = True
    file = tmp_path / ".env"
    file.write_text(
        f"SCHWAB_APP_KEY={KEY}\nSCHWAB_APP_SECRET={SECRET}\nSCHWAB_REFRESH_TOKEN={REFRESH}\n"
    )
    file.chmod(0o600)
    command = [sys.executable, "-m", "variance_bridge", "sync", "--broker", "schwab", "--set", f"base_url={schwab.url}"]  # fmt: skip
    environment = {**os.environ, "VARIANCE_CONFIG_DIR": str(tmp_path), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}  # fmt: skip
    runs = [
        subprocess.Popen(
            [*command, "--output", str(tmp_path / name / "live_schwab.json")],
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two", "three")
    ]
    ends = [(run.communicate(timeout=60)[1], run.returncode) for run in runs]

    assert [code for _printed, code in ends] == [0, 0, 0], ends
    assert f"SCHWAB_REFRESH_TOKEN={schwab.refresh}\n" in file.read_text()


class Stopped(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@pytest.fixture
def person(schwab, monkeypatch):
    """Types key and secret, agrees in the browser, and pastes the address at which it shows an error."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_, **__: True)
    typed = [KEY, SECRET]

    def agree(address):
        with pytest.raises(HTTPError) as answer:
            build_opener(Stopped).open(address)
        typed.append(answer.value.headers.get("Location", "nothing"))
        answer.value.close()
        return True

    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _prompt: typed.pop(0))
    monkeypatch.setattr("variance_bridge.cli.auth_login.browser", lambda *_: agree)
    return typed


def test_a_log_in_brings_the_refresh_token_and_counts_seven_days(variance, person, schwab):
    code, printed = variance("auth", "login")
    assert code == 0, printed
    assert "Charles Schwab shows 1 open account" in printed
    assert [value for value in (SECRET, REFRESH, ACCESS, NUMBER, "C0.invented") if value in printed] == []  # fmt: skip

    assert variance("sync")[0] == 0
    assert "expires in 6 days" in variance("doctor", "--offline")[1]
    assert person == []


def test_an_address_without_state_is_taken_and_one_with_another_is_not(
    variance, person, schwab, monkeypatch
):
    without = Schwab._authorize

    def authorize(self, query):
        status, headers, body = without(self, query)
        state = f"&state={query['state'][0]}"
        return status, {"Location": headers["Location"].replace(state, self.sent_state)}, body

    monkeypatch.setattr(Schwab, "_authorize", authorize)
    schwab.sent_state = "&state=of-another-log-in"
    assert variance("auth", "login")[0] == 6

    person[:] = [KEY, SECRET]
    schwab.sent_state = ""
    assert variance("auth", "login")[0] == 0
