"""`variance fx`, and `--currency` of show, triage and history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from loopback_server import serving

from variance_bridge.cli.subcommands import variance
from variance_bridge.document import exact_json
from variance_bridge.document.convert import instant_text
from variance_bridge.errors import BrokerRefused, BrokerUnreachable, ConfigurationError, UsageError

NOW = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
D = Decimal
CSV = "Date, USD, CHF, \n25 November 2026, 1.25, 0.8, \n"


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    monkeypatch.setattr("variance_bridge.clock.SystemClock.sleep", lambda *_: None)
    (tmp_path / "eurofxref.csv").write_text(CSV)
    return tmp_path


@pytest.fixture
def run(work, invoke):
    def run(*arguments):
        done = invoke(variance, *arguments, now=NOW, columns=160)
        return done.stdout, done.stderr

    return run


@pytest.fixture
def write(work):
    def write(name, account, currency, worth, profit, rates=()):
        held = {
            "root": "XYZ", "symbol": "XYZ", "type": "stock", "side": "long", "quantity": 1,
            "unrealized_pl": D(profit),
        }  # fmt: skip
        document = {
            "meta": {
                "source": "acme",
                "fetched_at": instant_text(NOW - timedelta(minutes=5)),
                "account_hash": account,
                "currency": currency,
                "exchange_rates": [
                    {"currency": other, "target": currency, "rate": D(rate), "day": day}
                    for other, rate, day in rates
                ],
            },
            "balances": {"currency": currency, "net_liquidating_value": D(worth), "cash": 0},
            "positions": [held],
        }
        (work / name).write_bytes(exact_json.dumps(document))
        return name

    return write


@pytest.fixture
def accounts(write):
    return (
        write("a.json", "aaaa***", "USD", "1000.50", "10"),
        write("b.json", "bbbb***", "EUR", "200", "-3"),
    )


def test_a_file_of_the_bank_is_kept_and_shown(run):
    out, _ = run("fx", "update", "--file", "eurofxref.csv")

    assert "the newest 2026-11-25 with 2 currencies" in out
    assert "1 EUR = 1.25 USD" in run("fx", "show")[0]
    assert json.loads(run("fx", "show", "--json")[0])["days"] == {
        "2026-11-25": {"CHF": 0.8, "USD": 1.25}
    }


def test_without_rates_the_error_says_how_to_get_them(run, accounts):
    for command in (["fx", "show"], ["show", *accounts, "--currency", "EUR"]):
        with pytest.raises(ConfigurationError) as refused:
            run(*command)
        assert "variance fx update" in refused.value.hint


@pytest.mark.parametrize(
    ("command", "worth", "profit"),
    [
        ("show", "net_liquidating_value", "unrealized_pl"),
        ("triage", "net_liquidity", "net_pl"),
    ],
)
def test_totals_in_one_currency_state_their_rates(run, accounts, command, worth, profit):
    run("fx", "update", "--file", "eurofxref.csv")
    total = exact_json.loads(run(command, *accounts, "--currency", "eur", "--json")[0])["totals_in"]

    assert total["currency"] == "EUR"
    assert total[worth] == D("1000.50") * D("0.8") + 200
    assert total[profit] == D(10) * D("0.8") - 3
    assert total["rates"] == [
        {"currency": "USD", "rate": D("0.8"), "day": "2026-11-25", "source": "ECB reference rates"}
    ]
    screen = run(command, *accounts, "--currency", "EUR")[0]
    assert "All in EUR" in screen
    assert "1 USD = 0.8 EUR; ECB reference rates, 2026-11-25" in screen
    assert "1,000.40" in screen


@pytest.fixture
def with_rates(write):
    """The account in euros states what a dollar is worth; so does another, differently."""
    return (
        write("a.json", "aaaa***", "USD", "1000.50", "10"),
        write("b.json", "bbbb***", "EUR", "200", "-3", [("USD", "0.86", "2026-11-24")]),
        write("c.json", "cccc***", "EUR", "1", "1", [("USD", "0.87", "2026-11-24")]),
    )


@pytest.mark.parametrize(
    ("command", "worth"), [("show", "net_liquidating_value"), ("triage", "net_liquidity")]
)
def test_a_rate_that_a_broker_states_needs_no_bank_and_comes_before_it(run, with_rates, command, worth):  # fmt: skip
    for file_of_the_bank in (False, True):
        if file_of_the_bank:
            run("fx", "update", "--file", "eurofxref.csv")
        out, err = run(command, *with_rates, "--currency", "EUR", "--json")
        total = exact_json.loads(out)["totals_in"]

        assert total[worth] == D("1000.50") * D("0.86") + 200 + 1
        assert total["rates"] == [
            {"currency": "USD", "rate": D("0.86"), "day": "2026-11-24", "source": "acme"}
        ]
        assert "1 USD = 0.86 EUR (acme), 1 USD = 0.87 EUR (acme); the first is used" in err

    assert "1 USD = 0.86 EUR; acme, 2026-11-24" in run(command, *with_rates, "--currency", "EUR")[0]


def test_a_currency_that_neither_a_broker_nor_the_bank_knows_has_no_total(run, write, with_rates):
    files = (*with_rates, write("n.json", "dddd***", "NOK", "1", "1"))
    for file_of_the_bank in (False, True):
        if file_of_the_bank:
            run("fx", "update", "--file", "eurofxref.csv")
        out, err = run("show", *files, "--currency", "EUR", "--json")
        total = exact_json.loads(out)["totals_in"]

        assert (total["missing_rates"], total["net_liquidating_value"]) == (["NOK"], None)
        assert ("no rate for NOK: run `variance fx update`" in err) is not file_of_the_bank


@pytest.mark.parametrize("command", ["show", "triage"])
def test_an_unknown_rate_means_no_total(run, write, accounts, command):
    run("fx", "update", "--file", "eurofxref.csv")
    files = (*accounts, write("c.json", "cccc***", "NOK", "1", "1"))
    total = exact_json.loads(run(command, *files, "--currency", "EUR", "--json")[0])["totals_in"]

    assert total["missing_rates"] == ["NOK"]
    assert total[{"show": "unrealized_pl", "triage": "net_pl"}[command]] is None
    assert "no rate for NOK" in run(command, *files, "--currency", "EUR")[0]


def test_one_account_in_the_wanted_currency_needs_no_rates(run, accounts):
    out, _ = run("show", accounts[1], "--currency", "EUR")

    assert "All in EUR" in out


def test_an_old_rate_is_used_and_said_to_be_old(run, work, accounts):
    (work / "eurofxref.csv").write_text(CSV.replace("25 November", "2 November"))
    run("fx", "update", "--file", "eurofxref.csv")
    out, err = run("show", *accounts, "--currency", "EUR")

    assert "2026-11-02" in out
    assert "the rate for USD is from 2026-11-02" in err


@pytest.mark.parametrize("currency", ["euro", "E1", "€"])
def test_what_is_not_a_currency_is_a_usage_error(run, accounts, currency):
    with pytest.raises(UsageError, match="three letters"):
        run("show", *accounts, "--currency", currency)


class Bank:
    def __init__(self, status=200):
        self.status, self.asked = status, []

    def answer(self, method, target, *_):
        self.asked.append((method, target))
        return self.status, {}, CSV.encode()


def test_the_banks_file_is_fetched_with_one_get(run, monkeypatch):
    with serving(Bank()) as bank:
        monkeypatch.setattr(
            "variance_bridge.reading.central_bank_files.NEWEST", f"{bank.url}/eurofxref-daily.xml"
        )
        out, _ = run("fx", "update")

    assert "the newest 2026-11-25" in out
    assert bank.asked == [("GET", "/eurofxref-daily.xml")]


@pytest.mark.parametrize(("status", "error"), [(404, BrokerRefused), (503, BrokerUnreachable)])
def test_a_bank_that_does_not_answer_leaves_the_rates_as_they_are(run, monkeypatch, status, error):
    run("fx", "update", "--file", "eurofxref.csv")
    with serving(Bank(status)) as bank:
        monkeypatch.setattr(
            "variance_bridge.reading.central_bank_files.NEWEST", f"{bank.url}/eurofxref-daily.xml"
        )
        with pytest.raises(error):
            run("fx", "update")

    assert "1.25 USD" in run("fx", "show")[0]


def test_the_history_has_each_amount_with_the_rate_of_its_day(run, work, write):
    from variance_bridge.document.convert import from_bytes
    from variance_bridge_history.database import FILE_NAME, open_history

    data = (work / write("a.json", "aaaa***", "USD", "1000.50", "10")).read_bytes()
    with open_history(work / FILE_NAME) as history:
        history.add(from_bytes(data)[0], data)
    run("fx", "update", "--file", "eurofxref.csv")
    given = ("history", "--file", FILE_NAME, "--currency", "EUR")
    (entry,) = exact_json.loads(run(*given, "--json")[0])["entries"]

    assert entry["net_liquidating_value"] == D("1000.50")
    assert entry["in_currency"]["net_liquidating_value"] == D("800.40")
    assert entry["in_currency"]["rates"][0]["day"] == "2026-11-25"
    assert "net liq €800.40, open P/L +€8.00; 1 USD = 0.8 EUR" in run(*given)[0]


def test_the_history_has_the_rate_that_the_broker_stated_in_the_document(run, work, write):
    from variance_bridge.document.convert import from_bytes
    from variance_bridge_history.database import FILE_NAME, open_history

    rates = [("EUR", "1.25", "2026-11-24"), ("JPY", "0.0063", "2026-11-24")]
    data = (work / write("a.json", "aaaa***", "USD", "1000.50", "10", rates)).read_bytes()
    with open_history(work / FILE_NAME) as history:
        history.add(from_bytes(data)[0], data)
    (entry,) = exact_json.loads(
        run("history", "--file", FILE_NAME, "--currency", "EUR", "--json")[0]
    )["entries"]

    assert entry["in_currency"]["net_liquidating_value"] == D("800.40")
    assert entry["in_currency"]["rates"] == [
        {"currency": "USD", "rate": D("0.8"), "day": "2026-11-24", "source": "acme"}
    ]


def test_the_page_of_all_accounts_has_totals_by_currency_and_in_one(run, accounts, work):
    run("fx", "update", "--file", "eurofxref.csv")
    run("triage", *accounts, "--currency", "EUR", "--html", "page.html")
    page = (work / "page.html").read_text()

    for text in ("2 accounts", "Net liquidity USD", "$1,000.50", "€200.00", "All accounts".lower()):
        assert text in page
    assert "Net liquidity, all in EUR" in page
    assert "€1,000.40" in page
    assert "1 USD = 0.8 EUR; ECB reference rates, 2026-11-25" in page
