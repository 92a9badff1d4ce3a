"""The two steps of the Flex Web Service: ask for a statement to be made, then fetch it as soon as it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from variance_bridge import BrokerContext, DataRefused, Environment
from variance_bridge.addresses import base_address
from variance_bridge.api_client import ApiClient, FixedSecret
from variance_bridge.errors import ConfigurationError
from variance_bridge.paging import next_address
from variance_bridge.polling import NotReady, poll
from variance_bridge_ibkr.flex_responses import (
    AGAIN,
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
    Again.IN_PROGRESS: (5.0, 5.0, 10.0, 10.0, 20.0, 20.0, 30.0, 30.0, 30.0, 30.0, 30.0),
    Again.LATER: (10.0, 20.0),
}
"""Seconds between the tries of one request: together at most 220, so that a statement that is never ready ends a sync
within 230, and never more than ten requests a minute. A limit or an outage is tried three times."""

_MAX_SECONDS = 220.0
_HINT = (
    "check the token (`variance auth status`), and that it is not bound to another network address"
)


class Api(ApiClient):
    """GET with the token in the query, and XML back."""

    def __init__(self, context: BrokerContext) -> None:
        settings: IbkrSettings = context.settings
        self._clock = context.clock
        self._base = base_address(settings.base_url, PRODUCTION_URL, setting="`base_url` of ibkr")
        self._query = settings.flex_query
        self.environment = (
            Environment.PRODUCTION if settings.base_url is None else Environment.SIMULATOR
        )
        token = FixedSecret(context, params={"t": "IBKR_FLEX_TOKEN"})
        super().__init__(context, self._base, token, hint=_HINT, headers={})

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
        began = self._clock.monotonic()
        reference = reference_of(self._ready(_SEND_REQUEST, query, _MAX_SECONDS))
        left = _MAX_SECONDS - (self._clock.monotonic() - began)
        return self._ready(self._place(reference), reference.code, left)

    def _ready(self, place: str, wanted: str, seconds: float) -> Element:
        """The first answer that is not "later"."""
        return poll(lambda: self._ask(place, wanted), clock=self._clock, seconds=seconds)

    def _ask(self, place: str, wanted: str) -> Element | NotReady:
        root = element_of(self.body(place, [("q", wanted), ("v", "3")]))
        failure = failure_of(root)
        if failure is None:
            return root
        problem, code = failure
        error = problem_error(problem, code)
        if problem.again is None:
            raise error
        return NotReady(error, WAITS[problem.again])

    def _place(self, reference: Reference) -> str:
        """Where the statement is: on IBKR's hosts, or on the machine that the first step went to."""
        hosts = HOSTS if self._base == PRODUCTION_URL else ()
        place = next_address(reference.url, asked=self._base + _SEND_REQUEST, hosts=hosts)
        if "?" in place:
            # Its parameters would stand beside ours, and a second token is not for us to send.
            raise DataRefused("the address of the statement is not understood", hint=AGAIN)
        return place
