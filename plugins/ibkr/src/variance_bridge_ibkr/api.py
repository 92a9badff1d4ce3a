"""The two steps of the Flex Web Service: ask for a statement to be made, then fetch it as soon as it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from variance_bridge import BrokerContext, DataRefused, Environment, Secret
from variance_bridge.addresses import base_address
from variance_bridge.errors import BridgeError, ConfigurationError
from variance_bridge.rows import body_of
from variance_bridge_ibkr.answers import (
    Again,
    Reference,
    element_of,
    failure_of,
    problem_error,
    reference_of,
)
from variance_bridge_ibkr.settings import IbkrSettings

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PRODUCTION_URL = "https://ndcdyn.interactivebrokers.com"
HOSTS = frozenset({"ndcdyn.interactivebrokers.com", "gdcdyn.interactivebrokers.com"})
_SEND_REQUEST = "/AccountManagement/FlexWebService/SendRequest"

WAITS = {
    Again.IN_PROGRESS: (5, 5, 10, 10, 20, 20, 30, 30, 30, 30, 30),
    Again.LATER: (10, 20),
}
"""Seconds between the tries of one request: together at most 220, so that a statement that is never ready ends a sync
within 230, and never more than ten requests a minute. A limit or an outage is tried three times."""

_MAX_SECONDS = 220
_HINT = (
    "check the token (`variance auth status`), and that it is not bound to another network address"
)


class Api:
    """GET with the token in the query, and XML back."""

    def __init__(self, context: BrokerContext) -> None:
        settings: IbkrSettings = context.settings
        self._context = context
        self._base = base_address(settings.base_url, PRODUCTION_URL, setting="`base_url` of ibkr")
        self._query = settings.flex_query
        self.environment = (
            Environment.PRODUCTION if settings.base_url is None else Environment.SIMULATOR
        )

    def statement(self) -> Element:
        """The statements of the query.

        Raises:
            ConfigurationError: the setting `flex_query` is missing or is not that of an Activity Flex query.
            BrokerRefused: the token is not accepted.
            BrokerUnreachable: no answer, a limit, or a statement that is not ready within 230 seconds.
            DataRefused: an answer that is not understood, or that leads elsewhere.
        """
        query = str(self._query or "").strip()
        if not query.isascii() or not query.isdigit():
            raise ConfigurationError(
                "the number of a Flex query is needed",
                where="setting `flex_query` of ibkr",
                hint="make an Activity Flex query in the Client Portal (docs/brokers/ibkr.md), and give its number",
            )
        started = self._context.clock.monotonic()
        reference = reference_of(self._ask(self._base + _SEND_REQUEST, query, started))
        return self._ask(self._place(reference), reference.code, started)

    def _ask(self, url: str, wanted: str, started: float) -> Element:
        """The first answer that is not "later"."""
        tries = dict.fromkeys(Again, 0)
        while True:
            root = self._get(url, wanted)
            failure = failure_of(root)
            if failure is None:
                return root
            problem, code = failure
            wait = None if problem.again is None else self._wait(problem.again, tries, started)
            if wait is None:
                raise problem_error(problem, code)
            self._context.clock.sleep(wait)

    def _wait(self, again: Again, tries: dict[Again, int], started: float) -> float | None:
        """Seconds until the next try; None where it is enough."""
        waits, tried = WAITS[again], tries[again]
        passed = self._context.clock.monotonic() - started
        if tried == len(waits) or passed + waits[tried] > _MAX_SECONDS:
            return None
        tries[again] += 1
        return waits[tried]

    def _get(self, url: str, wanted: str) -> Element:
        token: Secret = self._context.credentials["IBKR_FLEX_TOKEN"]
        params: list[tuple[str, str | Secret]] = [("t", token), ("q", wanted), ("v", "3")]
        return element_of(body_of(self._context.session.get(url, params=params), hint=_HINT))

    def _place(self, reference: Reference) -> str:
        """Where the statement is: on IBKR's hosts, or on the machine that the first step went to."""
        try:
            parts = urlsplit(reference.url)
            port = parts.port
        except ValueError:
            raise _elsewhere() from None
        if self._base == PRODUCTION_URL:
            is_ours = parts.scheme == "https" and parts.hostname in HOSTS and port in (None, 443)
            origin = f"https://{parts.hostname}"
        else:
            origin = f"{parts.scheme}://{parts.netloc}"
            is_ours = origin == self._base
        if not is_ours or parts.username is not None or parts.query or parts.fragment:
            raise _elsewhere()
        return origin + parts.path


def _elsewhere() -> BridgeError:
    return DataRefused(
        "the statement would have to be fetched from a host that is not one of Interactive Brokers'",
        hint="the token was not sent there; run the sync again, and report it if it happens again",
    )
