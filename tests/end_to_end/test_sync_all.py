"""`variance sync --all`: brokers side by side, profiles of one broker one after the other, and a failure costs only its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from loopback_server import serving

from variance_bridge.broker import RateLimit
from variance_bridge.network.declared_hosts import Reach
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.settings.configuration import Configuration

BROKER = """
import threading
from variance_bridge import Account, BrokerSpec, BrokerUnreachable, BrokerRefused, Capability, Counts, Holding, Meta, Portfolio, RawPortfolio, RateLimit, Side, hookimpl, setting
from variance_bridge.symbology import InstrumentType
from decimal import Decimal
import attrs

MEETING = threading.Barrier(2)
RUNNING = []

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name={name!r}, slug={name!r}, title="Invented", broker="{module}:Broker", settings="{module}:Settings", hosts=("api.acme.example",))]

@attrs.frozen(kw_only=True)
class Settings:
    what: str = setting("", title="what to do")

class Broker:
    def __init__(self, context):
        self.context = context

    def accounts(self):
        return [Account(number="ZZ-{name}-1"), Account(number="ZZ-{name}-2")]

    def fetch(self, account):
        what = self.context.settings.what
        assert not RUNNING, "two profiles of one broker at the same time"
        RUNNING.append(account)
        try:
            if what == "meet":
                import {other}
                {other}.MEETING.wait(20)
            if what == "outage":
                raise BrokerUnreachable("it is failing")
            if what == "refuse":
                raise BrokerRefused("the token is invalid", hint="get another")
            if what == "bug":
                raise ZeroDivisionError("ZZ-{name}-1")
            print("noise")
        finally:
            RUNNING.pop()
        return RawPortfolio(account=account, payloads={{}}, fetched_at=self.context.clock.now())

    def normalize(self, raw):
        held = Holding(root="XYZ", symbol="XYZ", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(1))
        counts = Counts(fetched=1, normalized=1, closed=0, rejected=0)
        return Portfolio(meta=Meta(source={name!r}, fetched_at=raw.fetched_at, counts=counts, currency="USD"), positions=(held,))
"""


@pytest.fixture
def brokers(install):
    for name in ("acme", "globex"):
        module = f"{name}_plugin"
        source = BROKER.format(name=name, module=module, other="acme_plugin")
        install(name, source.replace("RateLimit, ", ""))


@pytest.fixture
def configure(folder, monkeypatch):
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(folder / "configuration"))

    def write(text: str) -> None:
        (folder / "configuration").mkdir(exist_ok=True)
        (folder / "configuration" / "variance.toml").write_text(text)

    return write


def profile(name: str, broker: str, what: str = "", account: str = "1", **more: str) -> str:
    keys = {"broker": broker, "account": f"ZZ-{broker}-{account}", **more}
    lines = [f'{key} = "{value}"' for key, value in keys.items()]
    return "\n".join([f"[profiles.{name}]", *lines, *([f'what = "{what}"'] if what else []), ""])


def test_each_profile_has_a_line_and_a_file_of_its_own(variance, brokers, configure, folder):
    configure(
        profile("ira", "acme")
        + profile("taxed", "acme", account="2")
        + profile("other", "globex")
        + profile("named", "globex", account="2", output="elsewhere.json")
    )
    done = variance("sync", "--all", "--yes")

    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()] == ["ira", "taxed", "other", "named"]
    assert sorted(path.name for path in (folder / "positions").glob("*.json")) == [
        "live_acme_ira.json", "live_acme_taxed.json", "live_globex.json",
    ]  # fmt: skip
    assert (folder / "elsewhere.json").is_file()
    assert "noise" not in done.out


def test_brokers_run_side_by_side(variance, brokers, configure):
    configure(profile("a", "acme", "meet") + profile("b", "globex", "meet"))

    assert variance("sync", "--all", "--yes").code == 0


@pytest.mark.parametrize(("what", "code"), [("outage", 5), ("refuse", 4), ("bug", 3)], ids=str)
def test_a_failure_costs_only_its_own_profile(variance, brokers, configure, folder, what, code):
    configure(
        profile("good", "acme") + profile("bad", "acme", what, "2") + profile("fine", "globex")
    )
    done = variance("sync", "--all", "--yes", "--json")
    said = json.loads(done.out)

    assert done.code == code
    assert [(each["profile"], each["broker"]) for each in said["synced"]] == [
        ("good", "acme"), ("fine", "globex"),
    ]  # fmt: skip
    (failed,) = said["failed"]
    assert (failed["profile"], failed["exit_code"]) == ("bad", code)
    assert "bad was not synced" in done.err
    assert "ZZ-acme" not in done.err + done.out
    assert not (folder / "positions" / "live_acme_bad.json").exists()


def test_the_exit_code_is_the_highest_and_a_wrong_profile_stops_no_other(
    variance, brokers, configure
):
    configure(
        profile("a", "acme", "outage")
        + profile("unknown", "nosuch")
        + profile("fine", "globex")
        + profile("wrong", "globex", account="9")
    )
    done = variance("sync", "--all", "--yes")
    exits = {line.split()[0]: line for line in done.out.splitlines()}

    assert done.code == 5
    assert "exit 5" in exits["a"]
    assert "exit 3" in exits["unknown"]
    assert "exit 3" in exits["wrong"]
    assert "1 position" in exits["fine"]


def test_two_profiles_that_would_write_one_file_are_refused(variance, brokers, configure, folder):
    configure(
        profile("a", "acme", output="same.json")
        + profile("b", "globex", output="./same.json")
        + profile("fine", "globex", account="2")
    )
    done = variance("sync", "--all", "--yes")

    assert done.code == 3
    assert done.err.count("would write one file") == 2
    assert "1 position" in done.out
    assert not (folder / "same.json").exists()


def test_a_single_sync_of_a_profile_writes_the_same_file(variance, brokers, configure, folder):
    configure(profile("ira", "acme") + profile("taxed", "acme", account="2"))
    variance("sync", "--profile", "ira", "--yes")
    variance("sync", "--profile", "taxed", "--yes")

    assert sorted(path.name for path in (folder / "positions").glob("*.json")) == [
        "live_acme_ira.json", "live_acme_taxed.json",
    ]  # fmt: skip
    assert variance("show").code == 0


def test_all_accounts_of_all_profiles(variance, brokers, configure, folder):
    configure('[profiles.a]\nbroker = "acme"\n[profiles.b]\nbroker = "globex"\n')
    assert variance("sync", "--all", "--yes").code == 3
    done = variance("sync", "--all", "--all-accounts", "--yes")

    assert (done.code, len(done.out.splitlines())) == (0, 4)
    assert len(list((folder / "positions").glob("live_*.json"))) == 4
    assert "4 accounts" in variance("show").out


def test_without_profiles_the_configured_broker_is_synced(variance, brokers, configure):
    configure('broker = "acme"\n[brokers.acme]\ndefault_account_id = "ZZ-acme-1"\n')
    assert variance("sync", "--all", "--yes").out.startswith("acme ")


def test_nothing_to_sync_and_options_of_one_sync_are_errors(variance, brokers, configure):
    configure("")
    assert variance("sync", "--all").code == 3
    for option in (["--profile", "a"], ["--broker", "acme"], ["--output", "x.json"], ["x.csv"]):
        assert variance("sync", "--all", *option).code == 2


def test_a_dry_run_writes_nothing(variance, brokers, configure, folder):
    configure(profile("ira", "acme"))
    done = variance("sync", "--all", "--dry-run", "--yes")

    assert (done.code, "dry run" in done.out) == (0, True)
    assert not list(folder.glob("positions/*.json"))


ROTATING = """
from variance_bridge import Account, BrokerSpec, BrokerRefused, Counts, Credential, Holding, Meta, Portfolio, RawPortfolio, Secret, Side, hookimpl
from variance_bridge.symbology import InstrumentType
from decimal import Decimal

VALID = ["token-number-0"]

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name="acme", slug="acme", title="Invented", broker="acme_plugin:Broker", credentials=(Credential("ACME_TOKEN", "token"),), hosts=("api.acme.example",))]

class Broker:
    def __init__(self, context):
        self.context = context

    def accounts(self):
        if self.context.credentials["ACME_TOKEN"].reveal() != VALID[0]:
            raise BrokerRefused("the token is spent")
        VALID[0] = f"token-number-{int(VALID[0][-1]) + 1}"
        self.context.store_credential("ACME_TOKEN", Secret(VALID[0]))
        return [Account(number="ZZ-acme-1"), Account(number="ZZ-acme-2")]

    def fetch(self, account):
        return RawPortfolio(account=account, payloads={}, fetched_at=self.context.clock.now())

    def normalize(self, raw):
        held = Holding(root="XYZ", symbol="XYZ", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(1))
        counts = Counts(fetched=1, normalized=1, closed=0, rejected=0)
        return Portfolio(meta=Meta(source="acme", fetched_at=raw.fetched_at, counts=counts, currency="USD"), positions=(held,))
"""


def test_a_token_that_one_profile_replaced_is_the_one_that_the_next_profile_uses(
    variance, install, configure, monkeypatch
):
    install("acme", ROTATING)
    monkeypatch.setenv("ACME_TOKEN", "token-number-0")
    configure(profile("a", "acme") + profile("b", "acme", account="2"))
    done = variance("sync", "--all", "--yes")

    assert done.code == 0, done.err


class SleepingClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self):
        self.passed = 0.0

    def now(self):
        return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=self.passed)

    def monotonic(self):
        return self.passed

    def sleep(self, seconds):
        self.passed += seconds


class Anything:
    def answer(self, *_):
        return 200, {}, b"{}"


def test_the_sessions_of_one_broker_keep_to_its_published_rate_together(folder):
    clock = SleepingClock()
    context = RunContext(
        configuration=Configuration(folder=folder, file=None), policy=Policy(), clock=clock
    )
    reach = Reach(hosts=("api.acme.example",), rate_limits=(RateLimit(requests=2, seconds=60),))
    with serving(Anything()) as server:
        for _profile in range(2):
            session = context.open_session(reach)
            for _request in range(2):
                session.get(f"{server.url}/positions")
            session.close()

    assert clock.passed == 60
