"""Proxy and netrc: only when configured, never for loopback, and always named."""

from __future__ import annotations

import pytest

from variance_bridge.errors import BrokerUnreachable, ConfigurationError
from variance_bridge.model import Route
from variance_bridge.network.answer import Answer
from variance_bridge.network.connection import ConnectionFailure, NoResponse, basic_authorization
from variance_bridge.network.proxy import NetworkAccess, network_access
from variance_bridge.personal_values import Secret

URL = "https://api.acme.example/positions"
PROXY = "http://user:proxy-canary@127.0.0.1:9"


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".netrc").write_text(
        "machine api.acme.example login jane password netrc-canary\n"
        "machine 127.0.0.1 login jane password loopback-canary\n"
        "default login jane password default-canary\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    return tmp_path


def test_what_the_surroundings_offer_is_ignored_and_named(home) -> None:
    found = network_access({"HTTPS_PROXY": PROXY}, home, allow_proxy=False, allow_netrc=False)
    assert (found.proxy, found.netrc) == (None, None)
    assert found.ignored == ("HTTPS_PROXY", ".netrc")
    assert "canary" not in repr(found)


def test_what_is_configured_is_used_and_not_shown(home) -> None:
    found = network_access(
        {
            "https_proxy": PROXY,
            "HTTPS_PROXY": "http://other:1",
            "NO_PROXY": "a.example, .b.example",
        },
        home,
        allow_proxy=True,
        allow_netrc=True,
    )
    assert found.proxy == Secret(PROXY)
    assert found.no_proxy == ("a.example", ".b.example")
    assert found.netrc == home / ".netrc"
    assert found.ignored == ()
    assert "canary" not in repr(found)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_a_proxy_that_is_set_and_not_used_is_named_when_there_is_no_answer(
    open_session, monkeypatch, home, variable
) -> None:
    access = network_access({variable: PROXY}, home, allow_proxy=False, allow_netrc=False)

    class NoWire:
        def __init__(self, policy) -> None:
            pass

        def send(self, request, seconds, proxy):
            raise NoResponse(ConnectionFailure.UNRESOLVED)

        def close(self) -> None:
            pass

    monkeypatch.setattr("variance_bridge.network.request.Wire", NoWire)
    with pytest.raises(BrokerUnreachable) as caught:
        open_session(access=access, tries=1).get(URL)
    assert f"{variable} is set and not used" in str(caught.value.hint)
    assert "canary" not in str(caught.value.hint)
    with pytest.raises(BrokerUnreachable) as caught:
        open_session(access=access, tries=1).get("http://127.0.0.1:9/")
    assert variable not in str(caught.value.hint)


def test_surroundings_without_detours_offer_none(tmp_path) -> None:
    assert network_access({}, tmp_path, allow_proxy=True, allow_netrc=True) == NetworkAccess()


@pytest.mark.parametrize(
    "value", ["socks5://x:1", "proxy:8080", "http:///x", "http://a b", "file:///x"]
)
def test_a_proxy_address_that_is_none_is_refused_and_not_reported(tmp_path, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        network_access({"ALL_PROXY": value}, tmp_path, allow_proxy=True, allow_netrc=False)
    assert value not in str(caught.value)
    assert "ALL_PROXY" in str(caught.value)


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ((), False),
        (("*",), True),
        (("api.acme.example",), True),
        (("acme.example",), True),
        ((".acme.example",), True),
        (("ACME.example",), True),
        (("cme.example",), False),
        (("x.api.acme.example",), False),
    ],
)
def test_hosts_that_need_no_proxy(no_proxy, direct: bool) -> None:
    found = NetworkAccess(proxy=Secret(PROXY), no_proxy=no_proxy)
    assert (found.proxy_for("api.acme.example") is None) is direct


def test_a_configured_proxy_sees_the_host_and_nothing_else(serve, open_session, personal) -> None:
    def refuse(connection, _request) -> None:
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    proxy = serve(refuse)
    url = f"http://user:proxy-canary@127.0.0.1:{proxy.port}"
    session = open_session(tries=1, access=NetworkAccess(proxy=Secret(url)))
    with pytest.raises(BrokerUnreachable, match="the proxy did not connect") as caught:
        session.get(f"{URL}?q=query-canary", headers={"Authorization": Secret("token-canary")})
    (request,) = proxy.received
    assert request.line.startswith("CONNECT api.acme.example:443 HTTP/1.")
    assert b"query-canary" not in request.head
    assert b"token-canary" not in request.head
    assert session.routes == (Route.PROXY,)
    assert "canary" not in str(caught.value)
    assert personal.find("proxy-canary")


def test_a_proxy_is_given_the_user_that_its_address_names(serve, open_session) -> None:
    def refuse(connection, _request) -> None:
        connection.sendall(b"HTTP/1.1 407 Authentication Required\r\nContent-Length: 0\r\n\r\n")

    proxy = serve(refuse)
    secret = Secret(f"http://user:p%40ss@127.0.0.1:{proxy.port}")
    with pytest.raises(BrokerUnreachable):
        open_session(tries=1, access=NetworkAccess(proxy=secret)).get(URL)
    assert proxy.received[0].headers["proxy-authorization"] == basic_authorization("user", "p@ss")


def test_a_proxy_is_never_used_for_loopback(serve, open_session) -> None:
    proxy, server = serve(), serve()
    session = open_session(access=NetworkAccess(proxy=Secret(proxy.url)))
    session.get(f"{server.url}/")
    assert (proxy.connections, server.connections) == (0, 1)
    assert session.routes == ()


@pytest.fixture
def sent(monkeypatch):
    """The requests that would have been sent."""
    requests = []

    class NoWire:
        def __init__(self, policy) -> None:
            pass

        def send(self, request, seconds, proxy):
            requests.append(request)
            return Answer(status=200, headers={})

        def close(self) -> None:
            pass

    monkeypatch.setattr("variance_bridge.network.request.Wire", NoWire)
    return requests


def test_a_configured_netrc_logs_in_where_the_plugin_does_not(
    home, sent, open_session, personal
) -> None:
    session = open_session(access=NetworkAccess(netrc=home / ".netrc"))
    session.get(URL, headers={"authorization": "Bearer x"})
    assert session.routes == ()
    session.get(URL)
    assert session.routes == (Route.NETRC,)
    assert [request.headers.get("Authorization") for request in sent] == [
        None,
        "Basic amFuZTpuZXRyYy1jYW5hcnk=",
    ]
    assert personal.find("netrc-canary")


def test_a_netrc_is_never_read_for_loopback_or_another_host(home, sent, open_session) -> None:
    found = NetworkAccess(netrc=home / ".netrc")
    open_session(access=found).get("http://127.0.0.1:9/")
    assert "Authorization" not in sent[0].headers
    assert found.login_for("other.example") is None


@pytest.mark.parametrize(
    "content", ["machine", "nonsense canary", "machine api.acme.example canary x"]
)
def test_a_netrc_that_is_not_understood_is_refused_and_not_reported(home, content: str) -> None:
    (home / ".netrc").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        NetworkAccess(netrc=home / ".netrc").login_for("api.acme.example")
    assert "canary" not in str(caught.value)


def test_a_netrc_that_others_can_read_is_refused(home) -> None:
    (home / ".netrc").chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read or changed by other users"):
        NetworkAccess(netrc=home / ".netrc").login_for("api.acme.example")
