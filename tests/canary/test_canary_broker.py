"""Nothing that a broker answers, and no credential, gets out: not by success, and not by any of its failures."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tastytrade_simulator import (
    Fault,
    LegacyLogin,
    SimulatedCredentials,
    SimulatedPortfolio,
    Simulator,
)
from variance_bridge.network.limits_and_retries import Policy

JSON = "application/json"
ROWS = [
    {"symbol": "QQZ", "quantity": "100", "average_open_price": "50.25", "mark_price": "52"},
    {
        "symbol": "QQZ   310321P00045000",
        "instrument_type": "Equity Option",
        "quantity": -2,
        "average_open_price": "1.5",
        "mark_price": "1.4",
    },
    {
        "symbol": "/ESM1",
        "instrument_type": "Future",
        "underlying_symbol": "/ES",
        "quantity": 1,
        "multiplier": "50",
        "average_open_price": "6801.5",
        "mark_price": "6855",
    },
    {
        "symbol": "./MESM1EX3H1 310321P6450",
        "instrument_type": "Future Option",
        "underlying_symbol": "/MESM1",
        "quantity": -3,
        "multiplier": "5",
        "average_open_price": "47.5",
        "mark_price": "40",
    },
    {
        "symbol": "BTC/USD",
        "instrument_type": "Cryptocurrency",
        "quantity": "0.5",
        "average_open_price": "64000.1",
        "mark_price": "65000",
    },
]
QUOTES = [
    {"symbol": name, "bid": "51", "ask": "53", "mark": "52", "last": "52"}
    for name in ("QQZ", "SPY")
]
TOGETHER = 6
"""Members of an object that are canaries at the same time."""

NUMBERS_THAT_ARE_PUBLISHED = frozenset(
    {
        "quantity", "multiplier", "average-open-price", "mark", "mark-price", "close-price", "realized-day-gain",
        "realized-today", "net-liquidating-value", "cash-balance", "equity-buying-power", "derivative-buying-power",
        "maintenance-requirement", "pending-cash", "bid", "ask", "mid", "last", "beta", "delta", "gamma", "theta", "vega",
        "volatility",
    }
)  # fmt: skip
"""Members whose value is what the file is for."""


class Desk:
    """A simulated broker whose every personal value is a canary, and a user who is a customer of it."""

    def __init__(self, nest: Any, simulator: Simulator, number: str) -> None:
        self.nest, self.simulator, self.number = nest, simulator, number

    def bodies(self) -> dict[str, Any]:
        """The good answers, as JSON."""
        known = self.simulator.credentials
        connection = http.client.HTTPConnection(self.simulator.url.removeprefix("http://"))
        form = {
            "grant_type": "refresh_token",
            "refresh_token": known.refresh_token,
            "client_secret": known.client_secret,
        }
        kind = {
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "variance-bridge-tests/1",
        }
        connection.request("POST", "/oauth/token", urlencode(form), kind)
        token = json.loads(connection.getresponse().read())
        found = {"token": token}
        for route, path in {
            "accounts": "/customers/me/accounts",
            "positions": f"/accounts/{self.number}/positions?include-marks=true",
            "balances": f"/accounts/{self.number}/balances",
            "market-data": "/market-data/by-type?equity=QQZ&equity=SPY",
            "market-metrics": "/market-metrics?symbols=QQZ,SPY",
        }.items():
            headers = {**kind, "Authorization": f"Bearer {token['access_token']}"}
            connection.request("GET", path, headers=headers)
            found[route] = json.loads(connection.getresponse().read())
        connection.close()
        return found

    def answer(self, route: str, body: Any, status: int = 200) -> None:
        """From now on this is what that route answers."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        fault = Fault(route, "replace-body", body=text, content_type=JSON, status=status)
        self.simulator.faults = [fault]

    def sync(self, *more: str) -> Any:
        """A sync that gives nothing away, not even the tokens that were made on the way."""
        return self.run("sync", "--account", self.number, *more)

    def run(self, *arguments: str, **given: Any) -> Any:
        self.simulator.clear()
        done = self.nest.run(*arguments)
        for request in self.simulator.requests:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if token and token.casefold() not in self.nest.canaries.places:
                self.nest.canaries.secret(token, "access token")
        seen = done.out + done.err + done.log
        allowed = given.get("on_screen", ())
        assert {
            place
            for place in self.nest.canaries.sighted(seen)
            if not any(part in place for part in allowed)
        } == set(), (arguments, done)
        assert self.nest.written() == {}, arguments
        assert done.code in {0, 2, 3, 4, 5, 6, 7, 8}, done
        assert "Traceback" not in done.err
        return done


@pytest.fixture
def desk(nest, canaries) -> Iterator[Desk]:
    number, nickname = canaries.text("account number"), canaries.word("nickname")
    portfolio = SimulatedPortfolio.of(
        ROWS,
        quotes=QUOTES,
        betas={"QQZ": "1.2", "SPY": "1"},
        cash="1000.25",
        number=number,
        nickname=nickname,
    )
    credentials = SimulatedCredentials(
        client_id=canaries.text("TT_CLIENT_ID"),
        client_secret=canaries.text("TT_CLIENT_SECRET"),
        refresh_token=canaries.text("TT_REFRESH_TOKEN"),
        username=canaries.text("TASTY_USERNAME"),
        password=canaries.text("TASTY_PASSWORD"),
        one_time_password=canaries.text("one-time password"),
    )
    with Simulator(portfolio, credentials=credentials) as simulator:
        nest.environment(
            API_BASE_URL=simulator.url,
            VARIANCE_BROKER="tastytrade",
            TT_CLIENT_ID=credentials.client_id,
            TT_CLIENT_SECRET=credentials.client_secret,
            TT_REFRESH_TOKEN=credentials.refresh_token,
            TASTY_USERNAME=credentials.username,
            TASTY_PASSWORD=credentials.password,
            TASTY_SESSION_TOKEN=canaries.text("TASTY_SESSION_TOKEN"),
            AWS_SECRET_ACCESS_KEY=canaries.text("another program's secret"),
            EDITOR=canaries.text("any variable"),
            HTTPS_PROXY=f"http://u:{canaries.text('proxy password')}@127.0.0.1:9",
        )
        nest.patch.setattr(
            "variance_bridge.pipeline.run_context.configured_policy",
            lambda _configuration: Policy(
                connect_seconds=2, read_seconds=0.2, total_seconds=1, tries=2, body_bytes=1 << 20
            ),
        )
        yield Desk(nest, simulator, number)


def test_all_commands_after_a_success_give_nothing_away(desk):
    assert desk.sync().code == 0
    assert desk.sync("--json").code == 0
    assert desk.run("sync", "--all-accounts", "--quotes", "none").code == 0
    for arguments in (
        ("doctor",), ("doctor", "--json"), ("brokers",), ("auth", "status"), ("auth", "status", "--json"),
        ("accounts", "--json"), ("show",), ("show", "--json"), ("triage",), ("triage", "--json"), (),
        ("validate", "positions/live_tasty.json"), ("validate", "--json", "positions/live_tasty.json"),
        ("auth", "clear"), ("schema",), ("--sync",),
    ):  # fmt: skip
        assert desk.run(*arguments).code == 0, arguments


def test_accounts_shows_nickname_and_type_and_nothing_else(desk):
    done = desk.run("accounts", on_screen={"nickname"})

    assert "zqcanary" in done.out.casefold()
    assert "zqcanary" not in (done.err + done.log).casefold()


@pytest.mark.parametrize("make", ["text", "number"])
@pytest.mark.parametrize("route", ["accounts", "positions", "market-data", "market-metrics"])
def test_no_member_of_a_list_gets_out(desk, canaries, plant, route, make):
    """One item for each member of each item, that member being a canary; the others are as they were."""
    body = desk.bodies()[route]
    items = []
    for number, item in enumerate(body["data"]["items"]):
        for at, planted in plant.each(
            item, lambda at, number=number: getattr(canaries, make)(f"{route} {number} {at}")
        ):
            member = at.rpartition("/")[2]
            if make == "number" and member in NUMBERS_THAT_ARE_PUBLISHED:
                continue
            if route != "accounts" or member == "account-number":
                items.append(planted)
            else:
                other = canaries.text(f"another number {at}")
                items.append(plant.at(planted, "/account/account-number", other))
        items.append(item)
    body["data"]["items"] = items
    desk.answer(route, body)

    done = desk.sync()
    assert done.code == 0, done.err
    assert desk.run("triage").code == 0
    if route == "accounts":
        assert desk.run("accounts", on_screen={"/nickname", "/account-type-name", "nickname"})
        assert desk.run("sync").code == 3
        assert desk.run("doctor").code == 0


@pytest.mark.parametrize("route", ["token", "balances"])
def test_no_member_of_an_object_gets_out(desk, canaries, plant, route):
    good = desk.bodies()[route]
    pointers = [at for at, _ in plant.leaves(good) if not at.endswith("/access_token")]
    for start in range(0, len(pointers), TOGETHER):
        body = good
        for at in pointers[start : start + TOGETHER]:
            body = plant.at(body, at, canaries.text(f"{route} {at}"))
        desk.answer(route, body)
        desk.sync("--quotes", "none")


def _planted(value: Any, canaries: Any, place: str) -> Any:
    """The same answer with a member that nobody expects in each of its objects."""
    if isinstance(value, dict):
        inner = {name: _planted(member, canaries, place) for name, member in value.items()}
        return {
            canaries.text(f"{place} name"): 1,
            "owner": canaries.text(f"{place} owner"),
            "email": f"{canaries.text(f'{place} e-mail')}@mail.example",
            **inner,
        }
    if isinstance(value, list):
        return [_planted(item, canaries, place) for item in value]
    return value


@pytest.mark.parametrize(
    "route", ["token", "accounts", "positions", "balances", "market-data", "market-metrics"]
)
def test_members_that_are_unknown_are_not_published(desk, canaries, route):
    desk.answer(route, _planted(desk.bodies()[route], canaries, route))

    assert desk.sync().code == 0


def _broken_bodies(good: Any, canaries: Any) -> Iterator[bytes]:
    mark = canaries.text
    yield mark("the body itself").encode()
    yield f"<html><title>{mark('title')}</title>{mark('page')}".encode()
    yield json.dumps([mark("a list")]).encode()
    yield json.dumps({"data": mark("data")}).encode()
    yield json.dumps({"data": {"items": mark("items")}}).encode()
    yield json.dumps({"data": {"items": [mark("item")]}}).encode()
    yield json.dumps({mark("name"): good}).encode()
    yield f'{{"{mark("name twice")}": 1, "data": "{mark("cut off")}'.encode()
    yield json.dumps({"a": mark("twice"), "b": 1})[:-1].encode() + b', "a": 2}'
    yield json.dumps(good)[:-1].encode() + f', "x": {mark("no JSON")}}}'.encode()
    yield json.dumps(mark("deep")).join(("[" * 100, "]" * 100)).encode()
    yield f'{{"x": {canaries.number("long")}{"0" * 200}}}'.encode()


@pytest.mark.parametrize("route", ["token", "accounts", "positions", "balances"])
def test_answers_that_are_not_understood_are_not_repeated(desk, canaries, route):
    good = desk.bodies()[route]
    for body in _broken_bodies(good, canaries):
        desk.answer(route, body)
        assert desk.sync("--quotes", "none").code in {0, 6}, body
    desk.run("accounts", on_screen={"nickname"})
    desk.run("doctor")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 422, 429, 500, 503])
def test_what_a_refusal_says_is_not_repeated(desk, canaries, status):
    for route, form in (
        *(("token", form) for form in ("nginx", "envelope", "oauth", "rfc-6749", "text")),
        *((route, "envelope") for route in ("accounts", "positions", "market-data")),
    ):
        said = {
            "code": canaries.text(f"{route} code"),
            "message": canaries.text(f"{route} message"),
            "retry_after": canaries.text(f"{route} Retry-After") if status in {429, 503} else None,
        }
        desk.simulator.faults = [Fault(route, "status", status=status, form=form, **said)]
        assert desk.sync().code in ({0} if route == "market-data" else {3, 4, 5, 6})


@pytest.mark.parametrize(
    "kind",
    [
        "html-200", "wrong-content-type", "malformed-json", "missing-data", "truncated-body", "reset", "reset-in-body",
        "closed", "garbage", "gzip-bomb", "expire-tokens", "rotate-refresh-token",
    ],
)  # fmt: skip
def test_no_way_of_failing_gives_anything_away(desk, kind):
    for route in ("token", "accounts", "positions", "market-metrics"):
        desk.simulator.faults = [Fault(route, kind, size=4 << 20)]
        desk.sync()
    desk.simulator.faults = [Fault("accounts", kind, size=4 << 20)]
    desk.run("accounts", on_screen={"nickname"})


def test_a_broker_that_is_silent_gives_nothing_away(desk):
    desk.simulator.faults = [Fault("positions", "silent", seconds=0.5)]

    assert desk.sync().code == 5


def test_where_a_redirect_leads_is_not_repeated(desk, canaries):
    for route in ("token", "accounts", "positions"):
        place = f"https://{canaries.text('host')}.example/{canaries.text('path')}"
        desk.simulator.faults = [Fault(route, "redirect", location=place)]
        assert desk.sync().code == 4


def test_an_account_that_is_not_there_is_not_repeated(desk, canaries):
    assert desk.run("sync", "--account", canaries.text("--account")).code == 3


def test_personal_values_in_symbols_are_not_published(desk, canaries):
    """A bond's identifier and the symbol of what we cannot name can be spelled like an account number."""
    body = desk.bodies()["positions"]
    row = body["data"]["items"][0]
    for kind in ("Fixed Income Security", "Warrant"):
        body["data"]["items"] = [{**row, "symbol": desk.number, "instrument-type": kind}]
        desk.answer("positions", body)
        assert desk.sync("--quotes", "none").code in {0, 6}


@pytest.mark.parametrize("variable", ["TT_CLIENT_SECRET", "TT_REFRESH_TOKEN", "TT_CLIENT_ID"])
def test_wrong_credentials_are_not_repeated(desk, canaries, variable):
    desk.nest.environment(**{variable: canaries.text(f"wrong {variable}")})

    for command in ("sync", "accounts", "doctor"):
        assert desk.run(command).code in {3, 4}
    for odd in ("with a\nline feed", "é", "\x7f"):
        desk.nest.environment(**{variable: canaries.text(f"odd {variable}") + odd})
        assert desk.run("sync").code in {1, 3, 4} - {1}


@pytest.mark.parametrize("state", list(LegacyLogin))
@pytest.mark.parametrize("wrong", [False, True])
def test_the_legacy_log_in_gives_nothing_away(desk, canaries, state, wrong):
    desk.nest.input("mine.toml", '[brokers.tastytrade]\nauth = "session"\n')
    desk.nest.patch.delenv("TASTY_SESSION_TOKEN")
    desk.simulator.state.legacy_login = state
    if wrong:
        desk.nest.environment(TASTY_PASSWORD=canaries.text("wrong password"))
    done = desk.run("--config", "mine.toml", "sync")

    assert done.code == (0 if state is LegacyLogin.OPEN and not wrong else 4)


@pytest.mark.parametrize(
    "address",
    ["https://{}.example", "ftp://127.0.0.1/{}", "https://u:{}@api.tastyworks.com", "{}", "http://127.0.0.1:1/{}?{}"],
)  # fmt: skip
def test_a_refused_address_is_not_repeated(desk, canaries, address):
    desk.nest.environment(
        API_BASE_URL=address.format(canaries.text("address"), canaries.text("address"))
    )
    for command in ("sync", "accounts", "doctor"):
        assert desk.run(command).code == 3
