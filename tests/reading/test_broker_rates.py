"""Exchange rates that brokers state: before the published ones, in both directions, and never combined across accounts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from variance_bridge.document.check import check
from variance_bridge.document.convert import to_document
from variance_bridge.model import ExchangeRate, Meta, Portfolio
from variance_bridge.money import add_up
from variance_bridge.reading.broker_rates import disagreements, stated_rates
from variance_bridge.reading.currency_conversion import ExchangeRates, Rate, convert

D = Decimal
TUESDAY, WEDNESDAY = date(2026, 11, 24), date(2026, 11, 25)


def account(source, *rates):
    """Each rate as `currency, target, rate` and, if it is not of Wednesday, `day`."""
    stated = tuple(
        ExchangeRate(currency=currency, target=target, rate=D(rate), day=(*day, WEDNESDAY)[0])
        for currency, target, rate, *day in rates
    )
    moment = datetime(2026, 11, 25, 21, 0, tzinfo=UTC)
    return Portfolio(
        meta=Meta(source=source, fetched_at=moment, account_hash="a1b2***", exchange_rates=stated)
    )


def found(target, *accounts):
    return [(each.currency, each.rate, each.source) for each in stated_rates(accounts, target)]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("USD", [("EUR", D("1.25"), "acme"), ("GBP", D("1.5"), "acme")]),
        ("EUR", [("USD", D("0.8"), "acme"), ("GBP", D("1.2"), "acme")]),
        ("CHF", []),
    ],
)
def test_a_rate_is_read_in_both_directions_and_by_way_of_the_accounts_currency(target, expected):
    assert found(target, account("acme", ("EUR", "USD", "1.25"), ("GBP", "USD", "1.5"))) == expected


def test_rates_of_two_accounts_or_of_two_days_are_never_combined():
    other = account("other", ("GBP", "USD", "1.5"))
    days = account("acme", ("EUR", "USD", "1.25"), ("GBP", "USD", "1.5", TUESDAY))

    assert found("EUR", account("acme", ("EUR", "USD", "1.25")), other) == [("USD", D("0.8"), "acme")]  # fmt: skip
    assert found("EUR", days) == [("USD", D("0.8"), "acme")]


def test_the_newest_rate_comes_first_and_then_that_of_the_first_account():
    accounts = [
        account("old", ("USD", "EUR", "0.7", TUESDAY)),
        account("first", ("USD", "EUR", "0.8")),
        account("second", ("USD", "EUR", "0.9")),
    ]

    assert [source for *_rate, source in found("EUR", *accounts)] == ["first", "second", "old"]


def test_accounts_that_state_different_rates_of_one_day_are_named():
    accounts = [
        account("acme", ("USD", "EUR", "0.8")),
        account("other", ("USD", "EUR", "0.81")),
        account("third", ("USD", "EUR", "0.80000000001")),
        account("old", ("USD", "EUR", "0.7", TUESDAY), ("GBP", "EUR", "1.1")),
    ]

    (sentence,) = disagreements(stated_rates(accounts, "EUR"))

    assert "for USD on 2026-11-25: 1 USD = 0.8 EUR (acme), 1 USD = 0.81 EUR (other)" in sentence
    assert "the first is used" in sentence


def test_a_stated_rate_comes_before_a_published_one_and_each_names_its_source():
    published = ExchangeRates(source="ECB", days={WEDNESDAY: {"USD": D(2), "CHF": D("0.8")}})
    stated = Rate(currency="USD", target="EUR", rate=D("0.86"), day=TUESDAY, source="acme")
    amounts = {"USD": {"worth": add_up([D(100)])}, "CHF": {"worth": add_up([D(8)])}}
    total = convert(amounts, "EUR", published, WEDNESDAY, [stated])

    assert total.sums["worth"].complete == D(86) + D(10)
    assert total.stated == (
        "1 USD = 0.86 EUR (acme, 2026-11-24); 1 CHF = 1.25 EUR (ECB, 2026-11-25)"
    )


@pytest.mark.parametrize(
    ("rates", "problem"),
    [
        ([("EUR", "USD", "1.1"), ("EUR", "USD", "1.2")], ("/meta/exchange_rates/1", "repeated")),
        ([("USD", "USD", "1")], ("/meta/exchange_rates/0/target", "currency")),
        ([("XQZ", "USD", "1")], ("/meta/exchange_rates/0/currency", "currency")),
        ([("EUR", "XQZ", "1")], ("/meta/exchange_rates/0/target", "currency")),
        ([("EUR", "USD", "1", date(2026, 12, 25))], ("/meta/exchange_rates/0/day", "order")),
        ([("EUR", "USD", "0")], ("/meta/exchange_rates/0/rate", "exclusiveMinimum")),
        ([("EUR", "USD", "1.1"), ("EUR", "USD", "1.2", TUESDAY)], None),
    ],
)
def test_a_document_with_a_rate_that_cannot_be_is_not_valid(rates, problem):
    problems = [(each.pointer, each.rule) for each in check(to_document(account("acme", *rates)))]

    assert problems == ([problem] if problem else [])


def test_a_day_that_no_calendar_has_is_not_valid():
    document = to_document(account("acme", ("EUR", "USD", "1.1")))
    document["meta"]["exchange_rates"][0]["day"] = "2026-02-30"

    assert [(each.pointer, each.rule) for each in check(document)] == [
        ("/meta/exchange_rates/0/day", "date")
    ]
