"""Two syncs that exchange one refresh token at the same time: each uses the one that is good when its turn comes."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from functools import partial

import pytest

from variance_bridge import BrokerContext, BrokerRefused, PersonalValues, Secret
from variance_bridge.clock import SystemClock
from variance_bridge.errors import SyncRunning
from variance_bridge.network.session import Response
from variance_bridge.oauth_tokens import AccessToken, refusal
from variance_bridge.settings.credential_owner import Login
from variance_bridge.settings.credentials import CredentialStore
from variance_bridge.storage.private_files import exclusive_lock

NAME = "ACME_REFRESH_TOKEN"
LOGIN = Login("acme")
RUNS = 4


class Bank:
    """Takes a refresh token once, and grants a new one in its place."""

    def __init__(self):
        self.good = "refresh-token-0"
        self.granted = 0
        self.lock = threading.Lock()
        self.met = threading.Barrier(RUNS)

    def exchange(self, token):
        with self.lock:
            if token.reveal() != self.good:
                return Response(status=400, headers={}, body=b'{"error": "invalid_grant"}')
            self.granted += 1
            self.good = f"refresh-token-{self.granted}"
            answer = f'{{"access_token": "access-{self.granted}", "refresh_token": "{self.good}"}}'
            return Response(status=200, headers={}, body=answer.encode())


class Absent:
    """A machine without a keyring."""

    def read(self, *_):
        return None


def store_in(folder, environment):
    personal = PersonalValues()
    return CredentialStore(
        environment=environment, folders=(folder,), keyring=Absent(), personal=personal
    )


def run_of(bank, folder, environment, *, holds=True):
    """A run that has read its credentials already, as every sync has when it logs in."""
    store = store_in(folder, environment)
    known = store.hold(LOGIN, NAME) if holds else nullcontext()
    with known as first:
        token = first or Secret("refresh-token-0")
    context = BrokerContext(
        settings=None,
        credentials={NAME: token},
        session=None,
        clock=SystemClock(),
        personal=PersonalValues(),
        store_credential=partial(store.replace, LOGIN),
        **({"hold_credential": partial(store.hold, LOGIN)} if holds else {}),
    )
    return AccessToken(
        context,
        refresh_token=NAME,
        ask=bank.exchange,
        refusal=partial(refusal, hint="log in again"),
    )


def headers_of(bank, tokens):
    """What each run logs in with, when all begin at once."""
    found = []

    def log_in(token):
        bank.met.wait()
        try:
            found.append(token.header().reveal())
        except BrokerRefused as error:
            found.append(str(error))

    threads = [threading.Thread(target=log_in, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


@pytest.fixture(params=[".env", "environment"])
def place(request, tmp_path):
    """The folder and the environment of four runs whose refresh token is kept in one of the two."""
    if request.param == "environment":
        return tmp_path, {NAME: "refresh-token-0"}
    file = tmp_path / ".env"
    file.write_text(f"{NAME}=refresh-token-0\n")
    file.chmod(0o600)
    return tmp_path, {}


def test_of_several_runs_none_sends_a_token_that_another_has_used_up(place):
    bank = Bank()
    tokens = [run_of(bank, *place) for _ in range(RUNS)]

    assert headers_of(bank, tokens) == [f"Bearer access-{number}" for number in (1, 2, 3, 4)]
    with store_in(*place).hold(LOGIN, NAME) as kept:
        assert kept == Secret("refresh-token-4") == Secret(bank.good)


def test_without_holding_it_the_later_runs_would_be_refused(place):
    bank = Bank()
    tokens = [run_of(bank, *place, holds=False) for _ in range(RUNS)]

    assert sum("not accepted" in each for each in headers_of(bank, tokens)) == RUNS - 1


def test_a_later_renewal_takes_the_token_that_another_run_was_given_meanwhile(place):
    bank = Bank()
    first, second = run_of(bank, *place), run_of(bank, *place)
    header = first.header()
    second.header()

    assert first.replace({"Authorization": header})
    assert first.headers() == {"Authorization": Secret("Bearer access-3")}


def test_a_run_that_does_not_end_is_not_waited_for_for_ever(place, monkeypatch):
    monkeypatch.setattr("variance_bridge.settings.credentials._MAX_EXCHANGE", 0.2)
    bank = Bank()
    token = run_of(bank, *place)

    with exclusive_lock(place[0], ".acme.exchange.lock"), pytest.raises(SyncRunning) as ended:
        token.header()

    assert ended.value.exit_code == 8
    assert bank.granted == 0


def test_two_brokers_do_not_wait_for_each_other(place):
    bank = Bank()
    token = run_of(bank, *place)

    with exclusive_lock(place[0], ".other.exchange.lock"):
        assert token.header() == Secret("Bearer access-1")


@pytest.mark.skipif("__import__('os').geteuid() == 0", reason="root may write everywhere")
def test_where_no_lock_can_be_kept_the_token_is_used_as_it_is(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    bank = Bank()

    with store_in(folder, {NAME: bank.good}).hold(LOGIN, NAME) as kept:
        assert kept == Secret(bank.good)
