"""The broker over HTTP: what it asks, in how many round trips, and what it brings home."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tastytrade_simulator import (
    Fault,
    FaultKind,
    SimulatedAccount,
    SimulatedClock,
    SimulatedPortfolio,
)
from variance_bridge.errors import BrokerRefused, DataRefused
from variance_bridge.model import Environment
from variance_bridge_tastytrade.broker import TastytradeBroker
from variance_bridge_tastytrade.quotes import TastytradeQuotes
from variance_bridge_tastytrade.settings import ACCEPT_VERSION


def fetch_first(context):
    broker = TastytradeBroker(context)
    return broker.normalize(broker.fetch(broker.accounts()[0]))


def test_one_account_takes_four_round_trips_over_one_connection_before_quotes(desk):
    fetch_first(desk.context())
    routes = [request.route for request in desk.simulator.requests]
    assert routes == ["token", "accounts", "positions", "balances"]
    assert desk.simulator.connections == 1
    assert desk.simulator.sequential_round_trips() <= 4


def test_quotes_take_two_more_requests_over_the_same_connection_and_no_second_token(desk):
    context = desk.context()
    TastytradeQuotes(context).fetch(fetch_first(context))
    assert [request.route for request in desk.simulator.requests][4:] == [
        "market-data",
        "market-metrics",
    ]
    assert desk.simulator.counts()["token"] == 1
    assert desk.simulator.connections == 1


def test_the_first_account_never_waits_and_many_accounts_keep_the_published_rates(desk_for, clock):
    accounts = tuple(SimulatedAccount(number=f"5WX0000{n}") for n in range(1, 5))
    desk = desk_for(SimulatedPortfolio(accounts=accounts), enforce_rate_limits=True)
    broker = TastytradeBroker(desk.context())
    listed = broker.accounts()
    broker.fetch(listed[0])
    assert clock.naps == []
    for account in listed[1:]:
        broker.fetch(account)
    assert desk.simulator.rate_excess() == {}
    assert sum(clock.naps) == pytest.approx(3.0)


def test_requests_are_marked_as_the_api_wants_them(desk):
    fetch_first(desk.context())
    token, *others = desk.simulator.requests
    assert "authorization" not in token.headers
    for request in others:
        assert request.headers["authorization"].startswith("Bearer ")
        assert request.headers["user-agent"].startswith("variance-bridge/")
        assert request.headers["accept"] == "application/json"
        assert request.headers["accept-version"] == ACCEPT_VERSION


def test_the_sandbox_is_sent_no_version_and_asked_for_no_quotes(desk_for):
    desk = desk_for(environment="sandbox")
    context = desk.context(environment="sandbox")
    portfolio = fetch_first(context)
    snapshot = TastytradeQuotes(context).fetch(portfolio)
    assert not snapshot.available
    assert len(portfolio.positions) == 2
    assert all("accept-version" not in r.headers for r in desk.simulator.requests)
    assert {"market-data", "market-metrics"}.isdisjoint(desk.simulator.counts())


def test_what_comes_from_this_machine_is_marked_as_simulated(desk):
    portfolio = fetch_first(desk.context())
    assert portfolio.meta.environment is Environment.SIMULATOR


def test_fetched_at_is_the_time_before_the_first_required_request(desk, clock):
    broker = TastytradeBroker(desk.context())
    (account,) = broker.accounts()
    before = clock.now()
    desk.simulator.faults = [Fault("positions", FaultKind.STATUS, at=1, status=503)]
    raw = broker.fetch(account)
    assert raw.fetched_at == before < clock.now()


def test_positions_come_with_the_brokers_marks_and_so_with_values_without_quotes(desk):
    portfolio = fetch_first(desk.context())
    stock = next(holding for holding in portfolio.positions if holding.symbol == "MCD")
    assert stock.quote.mark == Decimal("300.20")
    assert stock.market_value == Decimal("30020.00")
    assert stock.unrealized_pl == Decimal("1010.00")


def test_balances_are_read_in_both_shapes(desk):
    as_list = fetch_first(desk.context())
    as_object = fetch_first(desk.context(accept_version="20230101"))
    assert as_list.balances == as_object.balances
    assert as_list.balances.cash == Decimal("1000.00")
    assert as_list.balances.net_liquidating_value == Decimal("30788.00")


def test_closed_accounts_are_left_out_and_all_numbers_are_known_as_personal(desk_for):
    accounts = (
        SimulatedAccount(number="5WX00001", is_closed=None),
        SimulatedAccount(number="5WX00002", is_closed=True),
        SimulatedAccount(number="5WX00003", nickname="My IRA", account_type="Roth IRA"),
    )
    desk = desk_for(SimulatedPortfolio(accounts=accounts))
    listed = TastytradeBroker(desk.context()).accounts()
    assert [account.number for account in listed] == ["5WX00001", "5WX00003"]
    assert (listed[1].nickname, listed[1].kind) == ("My IRA", "Roth IRA")
    for number in ("5WX00001", "5WX00002", "5WX00003"):
        assert desk.personal.find(f"account {number}")


def test_a_list_in_which_no_account_has_a_number_is_refused(desk):
    desk.simulator.faults = [
        Fault("accounts", FaultKind.DROP_MEMBER, pointer="/data/items/0/account/account-number")
    ]
    with pytest.raises(DataRefused):
        TastytradeBroker(desk.context()).accounts()


def test_an_account_without_a_number_costs_only_itself(desk_for):
    accounts = (SimulatedAccount(number="5WX00001"), SimulatedAccount(number="5WX00002"))
    desk = desk_for(SimulatedPortfolio(accounts=accounts))
    desk.simulator.faults = [
        Fault("accounts", FaultKind.DROP_MEMBER, pointer="/data/items/0/account/account-number")
    ]
    listed = TastytradeBroker(desk.context()).accounts()
    assert [account.number for account in listed] == ["5WX00002"]
    assert desk.warnings == ["tastytrade lists 1 account(s) without a usable number: skipped"]


@pytest.mark.parametrize("number", ["5WX/../x y", "", "5WX00001\n", "5" * 65, 500001, None])
def test_an_account_number_that_could_change_the_address_is_left_out(desk, number):
    desk.simulator.faults = [
        Fault(
            "accounts",
            FaultKind.SET_MEMBER,
            pointer="/data/items/0/account/account-number",
            value=number,
        )
    ]
    with pytest.raises(DataRefused):
        TastytradeBroker(desk.context()).accounts()


def test_a_token_that_expires_in_mid_run_is_renewed_once_and_the_request_repeated(desk):
    desk.simulator.faults = [Fault("positions", FaultKind.EXPIRE_TOKENS, at=1)]
    portfolio = fetch_first(desk.context())
    assert len(portfolio.positions) == 2
    assert desk.simulator.counts() == {"token": 2, "accounts": 1, "positions": 2, "balances": 1}


def test_a_second_401_is_the_end(desk):
    desk.simulator.faults = [Fault("positions", FaultKind.STATUS, status=401, code="token_invalid")]
    with pytest.raises(BrokerRefused) as refused:
        fetch_first(desk.context())
    assert refused.value.exit_code == 4
    assert desk.simulator.counts() == {"token": 2, "accounts": 1, "positions": 2}


def test_disagreeing_balances_are_a_flag_and_a_warning_with_both_figures(desk):
    desk.simulator.faults = [
        Fault(
            "balances",
            FaultKind.SET_MEMBER,
            pointer="/data/items/0/short-derivative-value",
            value="9000.0",
        )
    ]
    broker = TastytradeBroker(desk.context())
    (account,) = broker.accounts()
    portfolio = broker.normalize(broker.fetch(account))
    assert [flag.caution for flag in portfolio.meta.flags] == ["balances_disagree"]
    (warning,) = portfolio.warnings
    assert warning.startswith(
        "the short option positions are worth 232.00, but the balances say 9,000.00"
    )


def test_a_wrong_clock_is_reported_once(desk_for, clock):
    desk = desk_for(clock=SimulatedClock(clock.now(), frozen=True))
    desk.simulator.faults = [Fault("accounts", FaultKind.CLOCK_OFFSET, at=1, seconds=-200)]
    fetch_first(desk.context())
    (warning,) = desk.warnings
    assert "200 s ahead of tastytrade's" in warning


def test_normalizing_is_pure_and_the_same_each_time(desk):
    broker = TastytradeBroker(desk.context())
    raw = broker.fetch(broker.accounts()[0])
    desk.simulator.stop()
    assert broker.normalize(raw) == broker.normalize(raw)
