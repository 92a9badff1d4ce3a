from __future__ import annotations

import io
import json
import os

import pytest

from variance_bridge.document import exact_json

SOURCE = """
from decimal import Decimal
from variance_bridge import *

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name="acme", slug="acme", title="Acme", broker="acme_plugin:Broker", hosts=("api.acme.example",),
                       settings="acme_plugin:Settings", create_credentials="Make one at acme.example.",
                       credentials=(Credential("ACME_TOKEN", "read-only token"), Credential("ACME_HINT", "a hint", required=False)))]

import attrs
@attrs.frozen(kw_only=True)
class Settings:
    world: str = setting("real", title="which world", environment="ACME_WORLD")

class Broker:
    def __init__(self, context):
        self.context = context
        assert set(context.credentials) <= {"ACME_TOKEN", "ACME_HINT"}
    def accounts(self):
        return [Account(number="ZZ-0001111", kind="Individual", nickname="My wheel"),
                Account(number="ZZ-0002222", kind="Roth IRA", nickname="Retirement")]
    def fetch(self, account):
        self.context.warn(f"reading {account.number} {account.nickname} {self.context.credentials['ACME_TOKEN'].reveal()}")
        return RawPortfolio(account=account, payloads={}, fetched_at=self.context.clock.now())
    def normalize(self, raw):
        holding = Holding(root="SPY", symbol="SPY", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(7))
        counts = Counts(fetched=1, normalized=1, closed=0, rejected=0)
        return Portfolio(meta=Meta(source="acme", fetched_at=raw.fetched_at, counts=counts), positions=(holding,))
"""
TOKEN = "tok-7f3a9c2e41"


@pytest.fixture
def acme(install, folder, monkeypatch):
    install("acme", SOURCE)
    (folder / "mine.toml").write_text('broker = "acme"\n[plugins]\nallow = ["acme-plugin"]\n')
    monkeypatch.setenv("VARIANCE_CONFIG", str(folder / "mine.toml"))


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", TOKEN)


def hashes(variance) -> list[str]:
    return [
        one["account_hash"] for one in json.loads(variance("accounts", "--json").out)["accounts"]
    ]


def test_a_missing_credential_is_named_with_where_to_get_it_and_how_to_try_without(variance, acme):
    done = variance("sync")

    assert done.code == 3
    for words in (
        "ACME_TOKEN",
        "read-only token",
        "Make one at acme.example.",
        "variance auth set --broker acme",
        "variance demo",
    ):
        assert words in done.err


def test_several_accounts_without_a_choice_are_listed_by_hash(variance, acme, token):
    done = variance("sync")

    assert done.code == 3
    assert all(one in done.err for one in hashes(variance))
    assert "0001111" not in done.err
    assert "wheel" not in done.err


@pytest.mark.parametrize("name", ["ZZ-0002222", "Retirement", "hash", "hash without stars"])
def test_an_account_is_chosen_by_number_nickname_or_hash(variance, acme, token, folder, name):
    wanted = hashes(variance)[1]
    name = {"hash": wanted, "hash without stars": wanted.rstrip("*")}.get(name, name)

    assert variance("sync", "--account", name).code == 0
    assert (
        exact_json.loads((folder / "positions/live_acme.json").read_bytes())["meta"]["account_hash"]
        == wanted
    )


def test_the_default_account_of_the_configuration_is_used(variance, acme, token, folder):
    with (folder / "mine.toml").open("a") as file:
        file.write('[brokers.acme]\ndefault_account_id = "ZZ-0001111"\n')

    assert variance("sync").code == 0


def test_all_accounts_get_a_file_each(variance, acme, token, folder):
    assert variance("sync", "--all-accounts").code == 0

    names = {path.name for path in (folder / "positions").glob("live_*.json")}
    assert names == {f"live_acme_{one.rstrip('*')}.json" for one in hashes(variance)}


def test_one_output_for_several_accounts_is_refused(variance, acme, token):
    assert variance("sync", "--all-accounts").code == 0
    done = variance("sync", "--all-accounts", "--output", "x.json")
    assert done.code == 6
    assert "one output file cannot hold several accounts" in done.err
    assert "last good file" not in done.err


def test_what_a_broker_says_of_accounts_and_tokens_is_redacted(variance, acme, token):
    done = variance("-vv", "sync", "--account", "Retirement")

    assert "Warning: reading" in done.err
    for value in ("ZZ-0002222", "0002222", "Retirement", TOKEN):
        assert value not in done.err + done.out


def test_accounts_shows_hash_type_and_nickname_and_never_the_number(variance, acme, token):
    done = variance("accounts")

    assert "My wheel" in done.out
    assert "Roth IRA" in done.out
    assert "000" not in done.out.replace(hashes(variance)[0], "").replace(hashes(variance)[1], "")
    assert "My wheel" not in variance("accounts", "--json").out


def test_auth_status_tells_the_place_and_never_the_value(variance, acme, token):
    done = variance("auth", "status")

    assert done.code == 0
    assert done.out.splitlines() == [
        "ACME_TOKEN: environment (ACME_TOKEN)",
        "ACME_HINT (optional): not set",
    ]


def test_auth_status_fails_when_a_required_credential_is_missing(variance, acme):
    assert variance("auth", "status").code == 3


def test_a_env_file_is_read_when_it_is_private_and_refused_when_it_is_not(variance, acme, folder):
    (folder / ".env").write_text(f"ACME_TOKEN={TOKEN}\n")
    (folder / ".env").chmod(0o644)
    refused = variance("sync", "--account", "Retirement")
    assert (refused.code, "chmod 600" in refused.err) == (3, True)

    (folder / ".env").chmod(0o600)
    assert variance("sync", "--account", "Retirement").code == 0


@pytest.mark.parametrize(
    "arguments", [("auth", "set", TOKEN), ("auth", "set", f"ACME_TOKEN={TOKEN}")]
)
def test_a_secret_as_an_argument_is_refused_without_repeating_it(variance, acme, arguments):
    done = variance(*arguments)

    assert (done.code, "never an argument" in done.err) == (2, True)
    assert TOKEN not in done.err


def test_auth_set_says_so_when_there_is_no_keyring(variance, acme, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TOKEN}\n"))
    done = variance("auth", "set", "ACME_TOKEN")

    assert done.code == 3
    assert "chmod 600" in done.err
    assert TOKEN not in done.err + done.out


def test_auth_for_a_broker_without_credentials_is_a_usage_error(variance):
    assert variance("auth", "set", "--broker", "csv").code == 2


def test_rotating_the_key_gives_every_account_another_hash(variance, acme, token):
    before = hashes(variance)
    assert variance("auth", "rotate-key", "--yes").code == 0

    assert not set(before) & set(hashes(variance))


def test_doctor_names_what_would_stop_a_sync_and_how_to_fix_it(variance, acme):
    done = variance("doctor")

    assert done.code == 3
    line = next(line for line in done.out.splitlines() if "ACME_TOKEN" in line)
    assert line.startswith("problem")
    assert "variance auth set --broker acme" in done.out
    assert done.out.splitlines()[-1] == "1 problem would stop a sync: ACME_TOKEN."


def test_a_row_that_is_named_is_not_counted_in_a_second_warning(variance, export):
    with export.open("a") as file:
        file.write("XYZ,Stock,many,,,,,52,,,,,,\n")
    done = variance("show", export, "--any-age")

    assert "line 5: row rejected" in done.err
    assert "Warning: partial: " not in done.err
    assert "partial: 1 rejected" in done.out


def test_listeners_that_are_not_used_share_a_line(variance, acme):
    assert "Listeners that are not used: command, history, webhook\n" in variance("brokers").out


def test_doctor_says_the_same_of_several_plugins_once(variance, acme, token):
    done = variance("doctor")

    assert "ok      plugins: acme, csv, " in done.out
    assert done.out.count(": OK\n") == 1
    assert "output_dir, quotes: from default" in done.out
    assert variance("-v", "doctor").out.count(": OK\n") > 3


def test_doctor_names_what_is_wrong_with_the_positions_that_are_there(variance, export):
    with export.open("a") as file:
        file.write("XYZ,Stock,many,,,,,52,,,,,,\n")
    os.utime(export, (1_700_000_000, 1_700_000_000))
    variance("sync", export)
    said = variance("doctor", "--offline")

    line = next(line for line in said.out.splitlines() if " positions: valid" in line)
    assert line.startswith("note    positions: valid, ")
    assert "partial: 1 row could not be read; too old: show and triage refuse it" in line
    assert said.code == 0


def test_doctor_says_where_each_setting_comes_from_and_nothing_personal(
    variance, acme, token, folder, monkeypatch
):
    monkeypatch.setenv("ACME_WORLD", "real")
    with (folder / "mine.toml").open("a") as file:
        file.write('[brokers.acme]\ndefault_account_id = "ZZ-0001111"\n')
    done = variance("doctor")

    assert done.code == 0, done.out
    assert "world: from environment" in done.out
    assert "broker: from file" in done.out
    assert "ACME_TOKEN: from environment (ACME_TOKEN)" in done.out
    assert "answer: 2 open accounts" in done.out
    for value in (TOKEN, "0001111", "wheel", "Retirement", os.environ["HOME"]):
        assert value not in done.out + done.err


def test_doctor_asks_the_network_only_when_nothing_offline_is_wrong(variance, acme, token):
    assert "answer" not in variance("doctor", "--offline").out
    assert "answer" not in variance("doctor", "--broker", "nope").out


def test_doctor_as_json_is_one_object(variance, acme, token):
    findings = json.loads(variance("doctor", "--json").out)["findings"]

    assert not any(finding["problem"] for finding in findings)


def test_brokers_tells_which_credentials_are_missing(variance, acme):
    listed = {
        entry["name"]: entry for entry in json.loads(variance("brokers", "--json").out)["brokers"]
    }

    assert (listed["acme"]["state"], listed["acme"]["reason"]) == (
        "credentials missing",
        "ACME_TOKEN",
    )
    assert (listed["csv"]["state"], listed["csv"]["reason"]) == ("ready", None)


def test_the_list_of_brokers_says_whose_exports_are_read(variance):
    said = " ".join(variance("brokers").out.split())
    assert "csv reads exports of degiro, etrade, fidelity," in said


def test_the_list_of_brokers_is_readable_in_80_columns(variance, acme, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = variance("brokers")

    assert max(map(len, done.out.splitlines())) <= 80
    assert "credentials missing" in " ".join(done.out.split())


def test_no_name_and_no_state_of_a_broker_is_cut_on_a_narrow_terminal(variance, acme, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    done = variance("brokers")

    assert max(map(len, done.out.splitlines())) <= 40
    said = " ".join(done.out.split())
    assert "csv Position files (CSV) ready variance-bridge-csv 0.1.0" in said
    assert "credentials missing: ACME_TOKEN" in said


@pytest.mark.parametrize(("error", "code"), [("BrokerUnreachable", 5), ("BrokerRefused", 4)])
def test_when_the_broker_fails_the_user_learns_what_is_still_there_and_how_old_it_is(
    variance, install, folder, monkeypatch, token, error, code
):
    failing = SOURCE.replace(
        "    def fetch(self, account):",
        f"    def fetch(self, account):\n        import pathlib\n        if pathlib.Path('fail').exists():\n            raise {error}('no answer', hint='try later')",
    )
    install("acme", failing)
    (folder / "mine.toml").write_text('broker = "acme"\n[plugins]\nallow = ["acme-plugin"]\n')
    monkeypatch.setenv("VARIANCE_CONFIG", str(folder / "mine.toml"))
    assert variance("sync", "--account", "Retirement").code == 0
    good = (folder / "positions" / "live_acme.json").read_bytes()
    (folder / "fail").touch()
    done = variance("sync", "--account", "Retirement")

    assert done.code == code
    assert done.err.splitlines()[:2] == ["Error: no answer", "  try later"]
    assert "the last good file is untouched (" in done.err
    assert "s old): positions/live_acme.json" in done.err
    assert (folder / "positions" / "live_acme.json").read_bytes() == good


def test_a_machine_without_a_keyring_lacks_credentials_and_does_not_fail(
    variance, acme, monkeypatch
):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    done = variance("sync")

    assert (done.code, "ACME_TOKEN" in done.err, "keyring failed" in done.err) == (3, True, False)


FAILING_SECOND = SOURCE.replace(
    "    def fetch(self, account):",
    "    def fetch(self, account):\n        import pathlib\n        if account.number == 'ZZ-0001111' and pathlib.Path('fail').exists():\n"
    "            raise {error}('not permitted', hint='ask the broker')",
)


@pytest.mark.parametrize(
    ("error", "code", "others"), [("BrokerRefused", 4, 1), ("BrokerUnreachable", 5, 0)]
)
def test_of_all_accounts_one_that_fails_is_reported_by_its_hash_and_only_an_outage_ends_the_others(
    variance, install, folder, monkeypatch, token, error, code, others
):
    install("acme", FAILING_SECOND.replace("{error}", error))
    (folder / "mine.toml").write_text('broker = "acme"\n[plugins]\nallow = ["acme-plugin"]\n')
    monkeypatch.setenv("VARIANCE_CONFIG", str(folder / "mine.toml"))
    first = hashes(variance)[0]
    assert variance("sync", "--all-accounts").code == 0
    (folder / "fail").touch()
    done = variance("sync", "--all-accounts")

    assert (done.code, len(done.out.splitlines())) == (code, others)
    assert f"{first} was not synced: not permitted" in done.err
    assert "the last good file is untouched" in done.err
    report = json.loads(variance("sync", "--all-accounts", "--json").out)
    assert report["failed"] == [{"account_hash": first, "exit_code": code, "what": "not permitted"}]


def test_rejected_rows_and_cautions_are_reported_by_their_reasons(variance, export):
    with export.open("a") as file:
        file.write("XYZ,Stock,many,,,,,52,,,,,,\n")
    done = variance("-v", "sync", "--broker", "csv", "--input", export)

    assert 'line 5: row rejected: "many" in Quantity is not a number' in done.err
    assert "row 5 (XYZ) was rejected: the quantity cannot be read" in done.err
    assert "1 row rejected" not in done.err  # the same row is not counted beside it
    # The days to expiration of the export count from a day in the past.
    assert "cautions: time contradicted" in done.err
