"""The small rules: which host, which settings, how often, how a value is read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge import rows
from variance_bridge.broker import BrokerSpec, Capability
from variance_bridge.errors import ConfigurationError
from variance_bridge.model import Caution, Environment
from variance_bridge.network.rate_limits import Rates
from variance_bridge.rows import Members, RowRejected
from variance_bridge.settings.table_to_class import structure
from variance_bridge.trading_hours import exchange_date
from variance_bridge_tastytrade import host_names, plugin
from variance_bridge_tastytrade.client.hosts import endpoint
from variance_bridge_tastytrade.settings import TastytradeSettings


@pytest.mark.parametrize(
    ("environment", "base_url", "address", "marked"),
    [
        ("production", None, "https://api.tastyworks.com", Environment.PRODUCTION),
        ("production", "api.tastyworks.com", "https://api.tastyworks.com", Environment.PRODUCTION),
        (
            "production",
            "https://api.tastytrade.com/",
            "https://api.tastytrade.com",
            Environment.PRODUCTION,
        ),
        (
            "production",
            "https://API.TASTYWORKS.COM:443",
            "https://api.tastyworks.com",
            Environment.PRODUCTION,
        ),
        ("sandbox", None, "https://api.cert.tastyworks.com", Environment.SANDBOX),
        (
            "sandbox",
            "api.cert.tastyworks.com",
            "https://api.cert.tastyworks.com",
            Environment.SANDBOX,
        ),
        (
            "sandbox",
            "https://api.sandbox.tastytrade.com",
            "https://api.sandbox.tastytrade.com",
            Environment.SANDBOX,
        ),
        ("production", "http://127.0.0.1:8123", "http://127.0.0.1:8123", Environment.SIMULATOR),
        ("production", "127.0.0.1:8123", "http://127.0.0.1:8123", Environment.SIMULATOR),
        ("sandbox", "localhost:8123", "http://127.0.0.1:8123", Environment.SIMULATOR),
        ("production", "https://[::1]:8123/", "https://[::1]:8123", Environment.SIMULATOR),
    ],
)
def test_credentials_go_to_production_the_sandbox_or_this_machine(
    environment, base_url, address, marked
):
    found = endpoint(TastytradeSettings(environment=environment, base_url=base_url))
    assert (found.base_url, found.environment) == (address, marked)
    assert found.is_sandbox == (environment == "sandbox")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://api.cert.tastytrade.com", "api.cert.tastyworks.com"),
        ("api.sandbox.tastyworks.com", "api.sandbox.tastytrade.com"),
    ],
)
def test_a_host_with_the_other_domain_is_refused_with_the_one_that_is_meant(typed, meant):
    with pytest.raises(ConfigurationError) as refused:
        endpoint(TastytradeSettings(environment="sandbox", base_url=typed))

    assert meant in refused.value.hint


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.tastyworks.com.evil.example",
        "https://evil.example/api.tastyworks.com",
        "https://api.tastyworks.com@evil.example",
        "https://user:password@api.tastyworks.com",
        "https://api.tastyworks.com.",
        "http://api.tastyworks.com",
        "https://api.tastyworks.com:8443",
        "https://api.tastyworks.com/v2",
        "https://api.tastyworks.com?x=1",
        "https://api.tastyworks.com#x",
        "ftp://api.tastyworks.com",
        "https://xn--pi-tastyworks-7ib.com",
        "https://аpi.tastyworks.com",
        "https://tastyworks.com",
        "https://streamer.tastyworks.com",
        "https://api.tastyworks.co",
        "https://127.1:8000",
        "https://0x7f.0.0.1",
        "https://2130706433",
        "https://10.0.0.1",
        "https://[::2]",
        "https://[::ffff:127.0.0.1]",
        "file:///etc/passwd",
        "ftp://127.0.0.1",
        "",
        " ",
        "//api.tastyworks.com",
        "api.tastyworks.com\\@evil.example",
        "api.tastyworks.com\nevil.example",
    ],
)
def test_credentials_go_nowhere_else_and_the_message_does_not_repeat_the_address(base_url):
    with pytest.raises(ConfigurationError) as refused:
        endpoint(TastytradeSettings(base_url=base_url))
    assert refused.value.exit_code == 3
    assert "evil" not in str(refused.value) + str(refused.value.hint)
    assert "password" not in str(refused.value) + str(refused.value.hint)


@pytest.mark.parametrize(
    ("environment", "base_url", "wanted"),
    [
        ("production", "api.cert.tastyworks.com", 'environment = "sandbox"'),
        ("sandbox", "api.tastyworks.com", 'environment = "production"'),
    ],
)
def test_the_address_of_the_other_environment_says_which_setting_is_wrong(
    environment, base_url, wanted
):
    with pytest.raises(ConfigurationError) as refused:
        endpoint(TastytradeSettings(environment=environment, base_url=base_url))
    assert wanted in refused.value.hint


@given(text=st.text(max_size=60))
def test_no_text_leads_the_credentials_to_another_host(text):
    try:
        found = endpoint(TastytradeSettings(base_url=text))
    except ConfigurationError:
        return
    host = found.base_url.split("://")[1]
    assert host in host_names.PRODUCTION_HOSTS or host.startswith(("127.", "[::1]"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"environment": "live"},
        {"environment": "Production"},
        {"auth": "password"},
        {"accept_version": "2025-11-01"},
        {"accept_version": "v1"},
    ],
)
def test_a_setting_that_is_none_of_the_known_words_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=rf"{next(iter(wrong))}:? must be"):
        structure(wrong, TastytradeSettings)


def test_the_plugin_declares_one_broker_and_one_source_of_quotes_with_the_same_reach():
    (broker,) = plugin.variance_bridge_brokers()
    (quotes,) = plugin.variance_bridge_quotes()
    assert isinstance(broker, BrokerSpec)
    assert (broker.name, broker.slug, broker.quotes) == ("tastytrade", "tasty", quotes.name)
    assert quotes.hosts == (
        "api.tastyworks.com", "api.tastytrade.com", "api.cert.tastyworks.com", "api.sandbox.tastytrade.com",
    )  # fmt: skip
    assert broker.hosts == (
        *quotes.hosts, "streamer.tastyworks.com", "streamer.cert.tastyworks.com",
    )  # fmt: skip
    assert broker.token_paths == ("/oauth/token", "/sessions")
    assert Capability.READS_FILES not in broker.capabilities


def test_oauth_credentials_are_required_unless_the_settings_say_session():
    (broker,) = plugin.variance_bridge_brokers()
    required = {c.name for c in broker.credentials if c.is_required(TastytradeSettings())}
    assert required == {"TT_CLIENT_SECRET", "TT_REFRESH_TOKEN"}
    legacy = TastytradeSettings(auth="session")
    assert not any(c.is_required(legacy) for c in broker.credentials)


PATHS = {
    "accounts": "/customers/me/accounts",
    "positions": "/accounts/5WX00001/positions",
    "balances": "/accounts/5WX00001/balances",
    "market-data": "/market-data/by-type",
    "market-metrics": "/market-metrics",
    "token": "/oauth/token",
}


class Limits:
    """The rates that the plugin declares, as the core's session keeps to them."""

    def __init__(self, clock):
        (broker,) = plugin.variance_bridge_brokers()
        self._rates, self._clock = Rates(broker.rate_limits), clock

    def wait(self, route):
        if (seconds := self._rates.wait(PATHS[route], self._clock.monotonic())) > 0:
            self._clock.sleep(seconds)
        self._rates.count(PATHS[route], self._clock.monotonic())


def test_the_first_request_of_a_route_never_waits(clock):
    limits = Limits(clock)
    for route in ("accounts", "positions", "balances", "market-data", "market-metrics", "token"):
        limits.wait(route)
    assert clock.naps == []


@pytest.mark.parametrize(
    ("route", "requests", "seconds"),
    [
        ("positions", 4, 3),
        ("balances", 2, 1),
        ("market-data", 5, 2),
        ("market-metrics", 50, 0),
        ("market-metrics", 51, 1),
    ],
)
def test_published_rates_are_kept(clock, route, requests, seconds):
    limits = Limits(clock)
    for _ in range(requests):
        limits.wait(route)
    assert sum(clock.naps) == pytest.approx(seconds)


@given(pauses=st.lists(st.floats(min_value=0, max_value=2), max_size=30))
def test_no_second_ever_holds_more_than_the_published_requests(new_clock, pauses):
    clock = new_clock()
    limits = Limits(clock)
    sent = []
    for pause in pauses:
        clock.passed += pause
        limits.wait("market-data")
        sent.append(clock.passed)
    assert all(later - earlier > 0.999999 for earlier, later in zip(sent, sent[2:], strict=False))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("47.58333333", Decimal("47.58333333")),
        (3, Decimal(3)),
        (Decimal("0.5"), Decimal("0.5")),
        ("-1.5e3", Decimal(-1500)),
        (" 100.0 ", Decimal(100)),
        (None, None),
        ("", None),
    ],
)
def test_numbers_are_exact_in_whatever_type_they_come(value, expected):
    assert rows.number(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        True,
        1.5,
        "NaN",
        "Infinity",
        "1,000",
        "1_000",
        "١٢",
        "0x10",
        "--1",
        ".5",
        "5.",
        [],
        {},
        "9" * 40,
        "1e31",
        Decimal("NaN"),
        Decimal("1e31"),
        " ",
    ],
)
def test_what_is_no_plain_number_is_unreadable_and_not_zero(value):
    with pytest.raises(RowRejected):
        rows.number(value)


@given(
    exact=st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=9
    )
)
def test_a_number_is_the_same_as_text_and_as_json_number(exact):
    assert rows.number(str(exact)) == rows.number(exact) == exact


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-20T20:00:00.000+00:00", datetime(2026, 3, 20, 20, tzinfo=UTC)),
        ("2025-04-29T21:33:25.130Z", datetime(2025, 4, 29, 21, 33, 25, 130000, tzinfo=UTC)),
        ("2026-03-20T16:00:00-04:00", datetime(2026, 3, 20, 20, tzinfo=UTC)),
        ("2026-03-20T20:00:00+0000", datetime(2026, 3, 20, 20, tzinfo=UTC)),
        (None, None),
    ],
)
def test_instants_are_in_utc_whatever_their_zone(text, instant):
    assert rows.moment(text) == instant


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-20T20:00:00",
        "2026-13-20T20:00:00Z",
        "soon",
        1688595114405,
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_a_time_without_a_zone_or_a_meaning_is_unreadable(value):
    with pytest.raises(RowRejected):
        rows.moment(value)


@pytest.mark.parametrize(
    "value", ["2021-03-82680", "2026-02-30", "20260220", 20260220, "٢٠٢٦-٠٢-٢٠"]
)
def test_a_day_that_is_none_is_unreadable(value):
    with pytest.raises(RowRejected):
        rows.day(value)


def test_the_exchanges_day_is_new_yorks():
    assert exchange_date(datetime(2026, 2, 5, 2, 58, tzinfo=UTC)) == date(2026, 2, 4)


def test_unreadable_members_are_unknown_and_remembered_once():
    members = Members({"a": "x", "b": "y", "c": [], "d": "z"})
    assert (members.number("a"), members.number("b"), members.moment("d")) == (None, None, None)
    assert members.word("c") is None
    assert members.cautions == (Caution.NUMBER_UNREADABLE, Caution.DATE_UNREADABLE)
