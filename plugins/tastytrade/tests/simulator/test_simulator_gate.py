"""What the proxy and the API refuse before a route is reached, and how they say it."""

from __future__ import annotations

import pytest

POSITIONS = "/accounts/5WX00001/positions"


@pytest.mark.parametrize("user_agent", ["", "variance-bridge", "variance bridge/1.0", "/1.0", "x/"])
def test_a_request_without_product_and_version_gets_the_proxys_page_and_401(start, user_agent):
    reply = start().get(POSITIONS, User_Agent=user_agent)
    assert reply.status == 401
    assert reply.headers["Content-Type"] == "text/html"
    assert b"nginx" in reply.body


def test_the_token_endpoint_wants_a_user_agent_too(start):
    client = start(log_in=False)
    assert (
        client.send("POST", "/oauth/token", "{}", User_Agent="").headers["Content-Type"]
        == "text/html"
    )


@pytest.mark.parametrize(
    "user_agent", ["python-requests/2.32.3", "variance-bridge/0.1.0 (demo)", "Python-urllib/3.11"]
)
def test_product_and_version_are_enough(start, user_agent):
    assert start().get(POSITIONS, User_Agent=user_agent).status == 200


@pytest.mark.parametrize("user_agent", ["tastytrade-sdk-js", "tastytrade-sdk-python"])
def test_the_vendors_own_sdks_pass_without_a_version(start, user_agent):
    assert start().get(POSITIONS, User_Agent=user_agent).status == 200


@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", "Bearer", "nonsense"])
def test_a_request_without_a_good_token_is_invalid(start, authorization):
    reply = start(log_in=False).get(POSITIONS, Authorization=authorization)
    assert (reply.status, reply.code) == (401, "token_invalid")


def test_an_access_token_without_bearer_is_invalid(start):
    client = start()
    token = client.authorization.removeprefix("Bearer ")
    assert client.get(POSITIONS, Authorization=token).code == "token_invalid"


def test_a_token_without_the_scope_read_may_not_read(start):
    client = start(scopes=("openid",))
    reply = client.get(POSITIONS)
    assert (reply.status, reply.code) == (403, "not_permitted")


def test_another_persons_account_is_not_permitted(start):
    reply = start().get("/accounts/5WX09999/positions")
    assert (reply.status, reply.code) == (403, "not_permitted")


@pytest.mark.parametrize("version", ["20191231", "v1", "2025-11-01", "2025110"])
def test_a_version_that_is_not_served_gets_406_with_an_integer_code(start, version):
    reply = start().get(POSITIONS, Accept_Version=version)
    assert reply.status == 406
    assert reply.json() == {
        "error": {"code": 406, "message": "The requested version is not supported."}
    }


def test_the_sandbox_takes_no_version(start):
    client = start(environment="sandbox")
    assert client.get(POSITIONS, Accept_Version="20251101").status == 406
    assert client.get(POSITIONS).status == 200


def test_an_unknown_environment_is_refused(start):
    with pytest.raises(ValueError, match="environment"):
        start(environment="prod")


@pytest.mark.parametrize(
    "path",
    ["/market-data/by-type?equity=SPY", "/market-metrics?symbols=SPY", "/market-data/Equity/SPY"],
)
def test_the_sandbox_has_no_market_data(start, path):
    reply = start(environment="sandbox").get(path)
    assert reply.status == 502
    assert b"nginx" in reply.body


@pytest.mark.parametrize(
    "path", ["/", "/accounts", "//customers/me/accounts", POSITIONS + "/", "/accounts//positions"]
)
def test_a_path_that_is_not_a_route_is_not_found(start, path):
    client = start()
    assert (client.get(path).status, client.get(path).code) == (404, "record_not_found")
    assert set(client.simulator.counts()) == {"no-route"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_a_method_that_is_not_served_is_recorded_and_not_found(start, method):
    client = start()
    assert client.send(method, POSITIONS, Authorization=client.authorization).status == 404
    assert [request.method for request in client.simulator.requests] == [method]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/instruments/futures/%2FMYMH7", 200),
        ("/instruments/futures/MYMH7", 200),
        ("/instruments/futures//MYMH7", 404),
        ("/instruments/equities/BRK%2FB", 200),
        ("/instruments/equities/BRK/B", 404),
        ("/instruments/equities/BRK%252FB", 404),
        ("/instruments/cryptocurrencies/ETH%2FUSD", 200),
        ("/instruments/equity-options/IWM%20%20%20270115P00225000", 200),
        ("/instruments/equity-options/.IWM270115P225", 404),
        ("/instruments/future-options/.%2FMESH7EX3Z6%20261218P6400", 200),
        ("/market-data/Cryptocurrency/ETH%2FUSD", 200),
        ("/market-data/Cryptocurrency/ETH/USD", 404),
        ("/market-data/Equity/ETH%2FUSD", 404),
        ("/instruments/nonsense", 404),
        ("/instruments/future-products", 404),
        ("/instruments/quantity-decimal-precisions", 404),
        ("/nothing", 404),
    ],
)
def test_a_symbol_in_a_path_is_decoded_once_after_the_path_is_cut(start, path, status):
    assert start().get(path).status == status
