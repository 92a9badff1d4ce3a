"""A bad answer is called what it is, with the request that it answers and what to do; and what it says is not repeated."""

from __future__ import annotations

import pytest

from variance_bridge.errors import BrokerRefused, DataRefused
from variance_bridge.network.session import Response
from variance_bridge.rows import json_of, list_of, object_of

WHERE = "GET https://api.acme.example/accounts/***"
SECRET = "canary-1"


def read(status=200, body=b"{}", kind="application/json"):
    response = Response(status=status, headers={"content-type": kind}, body=body, request=WHERE)
    return json_of(response, hint="create a new token")


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", "application/json", "is empty"),
        (b" \n", "text/plain", "is empty"),
        (b"<html>canary-1</html>", "application/json", "an HTML page"),
        (b"canary-1", "text/html; charset=utf-8", "an HTML page"),
        (b"<?xml version='1.0'?><canary-1/>", "text/xml", "XML"),
        (b'{"canary-1": [1, ', "application/json", "cut off"),
        (b"canary-1", "text/plain", "not JSON at line 1"),
        (b"[" * 100, "application/json", "nested deeper"),
    ],
)
def test_a_body_that_is_not_json_is_called_what_it_is(body, kind, words):
    with pytest.raises(DataRefused) as caught:
        read(body=body, kind=kind)

    assert words in caught.value.what
    assert (caught.value.where, SECRET in str(caught.value)) == (WHERE, False)
    assert "in a few minutes" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("status", "error", "words", "hint"),
    [
        (401, BrokerRefused, "not accepted (status 401)", "a new token"),
        (403, BrokerRefused, "do not permit this (status 403)", "a new token"),
        (404, DataRefused, "does not know what was asked for", "still open"),
        (410, DataRefused, "no longer offers", "still open"),
        (400, DataRefused, "does not understand", "the API has changed"),
        (204, DataRefused, "empty (status 204)", "the API has changed"),
        (418, DataRefused, "(status 418)", "the API has changed"),
    ],
)
def test_a_refusal_says_what_where_and_what_to_do(status, error, words, hint):
    with pytest.raises(error) as caught:
        read(status, b'{"message": "canary-1"}')

    assert words in caught.value.what
    assert hint in str(caught.value.hint)
    assert (caught.value.where, SECRET in str(caught.value)) == (WHERE, False)


@pytest.mark.parametrize("read_part", [list_of, object_of])
@pytest.mark.parametrize("name", ["error", "errors", "fault", "detail"])
def test_an_error_message_with_a_good_status_is_called_that(read_part, name):
    with pytest.raises(DataRefused) as caught:
        read_part({name: [{"text": "canary-1"}]}, "data", "rows")

    assert "answered with an error message" in caught.value.what
    assert "in a few minutes" in str(caught.value.hint)
    assert SECRET not in str(caught.value)


def test_a_good_answer_may_have_such_a_member():
    assert list_of({"error": [], "rows": [1]}, "rows") == [1]
