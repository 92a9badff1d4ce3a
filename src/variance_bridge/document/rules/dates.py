"""Rules about times: what no calendar has, what is later than it can be, what is out of order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from variance_bridge.document.rules.rule_context import (
    Fault,
    Frame,
    is_after,
    is_in_calendar,
    limits,
)
from variance_bridge.document.violation import Violation

_PRICED = ("quote", "greeks")
_NO_DAY = "is not a date of the calendar"
_TOO_LATE = "is later than the positions are"


def check_document_times(document: Mapping[str, Any], frame: Frame) -> Iterator[Violation]:
    """The times of the document itself, of its balances, benchmark and exchange rates."""
    fetched = document["meta"]["fetched_at"]
    if not is_in_calendar(fetched):
        yield Violation("/meta/fetched_at", "date", _NO_DAY)
    elif not limits().times_first_year <= int(fetched[:4]) <= limits().times_last_year:
        yield Violation("/meta/fetched_at", "date", "is not a time at which positions were fetched")
    priced = document["meta"].get("benchmark", {}).get("as_of")
    if priced is not None and not is_in_calendar(priced):
        yield Violation("/meta/benchmark/as_of", "date", _NO_DAY)
    for place, rate in enumerate(document["meta"].get("exchange_rates", ())):
        if not is_in_calendar(rate["day"]):
            yield Violation(f"/meta/exchange_rates/{place}/day", "date", _NO_DAY)
        elif frame.latest_day and rate["day"] > frame.latest_day:
            yield Violation(f"/meta/exchange_rates/{place}/day", "order", _TOO_LATE)
    stated = document.get("balances", {}).get("as_of")
    if stated is not None and not is_in_calendar(stated):
        yield Violation("/balances/as_of", "date", _NO_DAY)
    elif stated is not None and is_after(stated, frame.latest_moment):
        yield Violation("/balances/as_of", "order", _TOO_LATE)


def check_times(position: Mapping[str, Any], frame: Frame) -> Sequence[Fault]:
    """The times of one position."""
    faults: list[Fault] = []
    get = position.get
    expiration, opened, expires = get("expiration"), get("opened_on"), get("expires_at")
    if expiration is not None and not is_in_calendar(expiration):
        faults.append(Fault("expiration", "date", _NO_DAY))
    if expires is not None and not is_in_calendar(expires):
        faults.append(Fault("expires_at", "date", _NO_DAY))
    elif expires is not None and expiration is not None and _is_another_day(expires, expiration):
        faults.append(Fault("expires_at", "order", "is not near the expiration"))
    if opened is not None and (wrong := _wrong_opening(opened, expiration, frame)):
        faults.append(wrong)
    for name in _PRICED:
        members = get(name)
        if (
            members is not None
            and "as_of" in members
            and (wrong := _wrong_price_time(name, members, frame))
        ):
            faults.append(wrong)
    return faults


@lru_cache(maxsize=1024)
def _is_another_day(expires: str, expiration: str) -> bool:
    try:
        apart = date.fromisoformat(expires[:10]) - date.fromisoformat(expiration)
    except ValueError:
        return False
    return abs(apart.days) > limits().times_expiry_days


def _wrong_opening(opened: str, expiration: str | None, frame: Frame) -> Fault | None:
    if not is_in_calendar(opened):
        return Fault("opened_on", "date", _NO_DAY)
    if frame.latest_day and opened > frame.latest_day:
        return Fault("opened_on", "order", _TOO_LATE)
    if expiration is not None and opened > expiration:
        return Fault("opened_on", "order", "is after the expiration")
    return None


def _wrong_price_time(name: str, members: Mapping[str, Any], frame: Frame) -> Fault | None:
    """Prices of another source than the positions' may be younger: an old file can have quotes of today."""
    as_of = members["as_of"]
    if not is_in_calendar(as_of):
        return Fault(f"{name}/as_of", "date", _NO_DAY)
    same_source = members.get("source", frame.source) == frame.source
    if same_source and is_after(as_of, frame.latest_moment):
        return Fault(f"{name}/as_of", "order", _TOO_LATE)
    return None
