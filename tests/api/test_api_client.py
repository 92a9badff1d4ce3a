"""A log-in goes with each request, and is exchanged for another one once where there is another."""

from __future__ import annotations

import pytest

from variance_bridge import BrokerRefused, DataRefused, Secret
from variance_bridge.api_client import ApiClient, FixedSecret
from variance_bridge.broker import BrokerContext

HOST = "https://api.acme.example"
TOKEN = {"ACME_TOKEN": "invented-token"}


def client(context: BrokerContext, log_in=None, **more):
    log_in = log_in or FixedSecret(context, bearer="ACME_TOKEN")
    return ApiClient(context, HOST, log_in, hint="create a new token", **more)


def test_a_token_goes_into_authorization(context_of):
    context = context_of(("/x?a=1", b'{"b": 2}', 200), credentials=TOKEN)

    assert client(context).get("/x", [("a", "1")]) == {"b": 2}
    (sent,) = context.session.wire.sent
    assert sent.headers["Authorization"] == "Bearer invented-token"
    assert sent.headers["Accept"] == "application/json"


def test_keys_go_into_header_fields_and_into_the_query(context_of):
    keys = {"ACME_ID": "invented-id", "ACME_KEY": "invented-key"}
    context = context_of(("/x?key=invented-key&a=1", b"[]", 200), credentials=keys)
    log_in = FixedSecret(context, headers={"X-Id": "ACME_ID"}, params={"key": "ACME_KEY"})

    assert client(context, log_in, headers={}).get("/x", [("a", "1")]) == []
    (sent,) = context.session.wire.sent
    assert sent.headers["X-Id"] == "invented-id"
    assert "Accept" not in sent.headers or sent.headers["Accept"] != "application/json"


@pytest.mark.parametrize("status", [401, 403])
def test_a_fixed_secret_that_is_refused_is_sent_once(context_of, status):
    context = context_of(("/x", b"no", status), credentials=TOKEN)

    with pytest.raises(BrokerRefused) as refused:
        client(context).get("/x")

    assert refused.value.hint == "create a new token"
    assert len(context.session.wire.sent) == 1


class Renewed:
    """Has a second token, and no third."""

    def __init__(self):
        self.tokens = ["old-token-1", "new-token-2"]

    def headers(self):
        return {"Authorization": Secret(self.tokens[0])}

    def params(self):
        return ()

    def replace(self, refused):
        assert refused["Authorization"] == Secret("old-token-1")
        self.tokens.pop(0)
        return True


@pytest.mark.parametrize(("second", "ends"), [(200, 2), (401, 2)])
def test_a_log_in_with_another_proof_is_asked_once_after_401(context_of, second, ends):
    context = context_of(("/x", b"{}", 401), ("/x", b"{}", second))
    answer = client(context, Renewed()).response("/x")

    assert answer.status == second
    sent = [each.headers["Authorization"] for each in context.session.wire.sent]
    assert sent == ["old-token-1", "new-token-2"]
    assert len(sent) == ends


def test_a_whole_address_is_taken_as_it_is(context_of):
    context = context_of(("/next?page=2", b"[]", 200), credentials=TOKEN)

    assert client(context).get(f"{HOST}/next?page=2") == []


def test_bytes_are_given_as_they_came_and_a_bad_status_is_refused(context_of):
    context = context_of(("/a", b"<a/>", 200), ("/b", b"<b/>", 404), credentials=TOKEN)

    assert client(context).body("/a") == b"<a/>"
    with pytest.raises(DataRefused):
        client(context).body("/b")
