"""Labels of `[accounts]`: shown to their user in every view, and in nothing that others may get to see."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from variance_bridge.cli.subcommands import variance
from variance_bridge.document import exact_json
from variance_bridge.document.convert import instant_text
from variance_bridge.errors import DataRefused

NOW = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)
IRA, TAXED = "a1a1a1a1a1a1***", "b2b2b2b2b2b2***"
CONFIGURATION = '[accounts]\na1a1a1 = "Zweitkonto Anna"\n"b2b2b2b2b2b2***" = "Zuhause"\n'
EXPORT = (
    '"Positions for account Individual ...777 as of 09:31 AM ET, 2026/03/02"\n\n'
    '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Gain $ (Gain/Loss $)","Asset Type",\n'
    '"KO","COCA COLA CO","10","71.20","$712.00","$605.00","$107.00","Equity",\n'
    '"Account Total","","--","--","$712.00","$605.00","$107.00","--",\n'
)
LABELS = ("zweitkonto", "anna", "zuhause")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with the positions of two accounts, and labels for both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "variance.toml").write_text(CONFIGURATION)
    (tmp_path / "positions").mkdir()
    for name, account in (("one", IRA), ("two", TAXED)):
        held = {
            "root": "XYZ", "symbol": "XYZ", "type": "stock", "side": "long", "quantity": 100,
            "unrealized_pl": Decimal(5),
        }  # fmt: skip
        meta = {
            "source": "acme",
            "fetched_at": instant_text(NOW - timedelta(minutes=5)),
            "account_hash": account,
            "currency": "USD",
            "status": "complete",
        }
        (tmp_path / "positions" / f"live_{name}.json").write_bytes(
            exact_json.dumps({"meta": meta, "positions": [held]})
        )
    return tmp_path


@pytest.fixture
def run(place, invoke):
    def run(*arguments, columns=100):
        return invoke(variance, *arguments, now=NOW, columns=columns)

    return run


@pytest.mark.parametrize("command", [(), ("show",), ("triage",)])
def test_a_view_of_all_accounts_has_their_labels_in_place_of_their_hashes(run, command):
    out = run(*command).stdout
    assert "Zweitkonto Anna" in out
    assert "Zuhause" in out
    assert IRA not in out
    assert TAXED not in out


def test_a_row_has_as_much_of_its_account_s_label_as_it_takes_to_tell_it_apart(run):
    out = run("show").stdout
    assert "XYZ  Zweitkonto " in out
    assert "XYZ  Zweitkonto Anna" not in out


@pytest.mark.parametrize("command", ["show", "triage"])
@pytest.mark.parametrize("typed", ["zuhause", "ZUH", "b2b2"])
def test_an_account_is_chosen_by_its_label(run, command, typed):
    out = run(command, "--account", typed).stdout
    assert "Zuhause" in out
    assert "Zweitkonto" not in out


def test_the_label_stands_on_the_page(run, place):
    run("triage", "--html", "page.html")
    text = (place / "page.html").read_text()
    assert "Zweitkonto Anna" in text
    assert IRA not in text


@pytest.mark.parametrize(
    "command",
    [
        ("show", "--json"),
        ("triage", "--json"),
        ("show", "--account", "zuhause", "--json"),
        ("doctor", "--offline"),
        ("doctor", "--offline", "--json"),
        ("validate", "positions/live_one.json"),
        ("brokers",),
    ],
)
def test_no_label_is_in_what_is_passed_on(run, command, caplog):
    caplog.set_level(logging.DEBUG)
    done = run("-vv", *command)
    said = (done.output + caplog.text).casefold()
    assert not [each for each in LABELS if each in said]


@pytest.mark.parametrize("form", ["csv", "beancount"])
def test_no_label_is_in_an_export(run, place, form):
    run("export", "positions/live_one.json", "--format", form, "--output", "out.txt")
    assert not [each for each in LABELS if each in (place / "out.txt").read_text().casefold()]


def test_an_unknown_account_is_refused_by_hashes_alone(run):
    with pytest.raises(DataRefused) as refused:
        run("show", "--account", "nobody")
    said = f"{refused.value} {refused.value.hint}".casefold()
    assert IRA in said
    assert not [each for each in LABELS if each in said]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("zuhaus3", 'did you mean "Zuhause"?'),
        ("zweitkomto", 'did you mean "Zweitkonto Anna"?'),  # the beginning of a label is enough
        ("nobody", "there are: Zuhause, Zweitkonto Anna"),
    ],
)
@pytest.mark.parametrize("command", ["show", "triage"])
def test_on_a_terminal_an_unknown_account_is_answered_by_labels(
    run, monkeypatch, command, typed, hint
):
    monkeypatch.setattr("variance_bridge.cli.invocation._is_read_by_its_user", lambda: True)
    with pytest.raises(DataRefused) as refused:
        run(command, "--account", typed)
    assert refused.value.hint == hint


def test_doctor_reports_a_key_of_no_account(run, place):
    (place / "variance.toml").write_text('[accounts]\nc3c3c3 = "Gone"\n')
    done = run("doctor", "--offline")
    assert "[accounts] c3c3c3: no positions file is of such an account" in done.stdout
    assert "Gone" not in done.output


def test_a_sync_names_the_account_on_a_terminal_and_not_in_a_log(run, place, monkeypatch):
    (place / "export.csv").write_text(EXPORT)
    written = exact_json.loads(run("sync", "export.csv", "--json").stdout.encode())
    account = written["synced"][0]["meta"]["account_hash"]
    (place / "variance.toml").write_text(f'[accounts]\n"{account}" = "Zuhause"\n')

    assert "Zuhause" not in run("sync", "export.csv").output
    assert "Zuhause" not in run("sync", "export.csv", "--account", "zuhause", "--json").output
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "Zuhause: 1 position" in run("sync", "export.csv").stdout


def test_the_accounts_of_a_folder_have_labels_beside_their_files(run, place):
    (place / "exports").mkdir()
    name = "a_rather_long_name_of_an_export_for_2026-03-02.csv"
    (place / "exports" / name).write_text(EXPORT)
    account = exact_json.loads(run("accounts", "exports", "--json").stdout.encode())["accounts"][0][
        "account_hash"
    ]
    (place / "variance.toml").write_text(f'[accounts]\n"{account}" = "Zuhause"\n')

    wide, narrow = (run("accounts", "exports", columns=width).stdout for width in (120, 40))
    assert name in wide
    assert "Zuhause" in wide
    assert max(len(line.rstrip()) for line in narrow.splitlines()) <= 40
    assert "Zuhause" in narrow
    assert "-03-02.csv" in narrow
