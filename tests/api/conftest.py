"""A broker's context over answers that a test states."""

from __future__ import annotations

import pytest

from variance_bridge import BrokerContext, PersonalValues, Secret
from variance_bridge.testing import Exchange, FrozenClock, SimulatedSession

HOST = "https://api.acme.example"


@pytest.fixture
def context_of():
    """Makes a context in which the addresses are answered with the JSON that stands beside them, in turn."""

    def make(*answers, credentials=None, **more):
        exchanges = [
            Exchange(method="GET", url=HOST + path, body=body, status=status)
            for path, body, status in answers
        ]
        clock = FrozenClock()
        session = SimulatedSession(
            exchanges, hosts=["api.acme.example", "files.acme.example"], clock=clock
        )
        known = {name: Secret(value) for name, value in (credentials or {}).items()}
        return BrokerContext(
            settings=None,
            credentials=known,
            session=session,
            clock=clock,
            personal=PersonalValues(),
            **more,
        )

    return make
