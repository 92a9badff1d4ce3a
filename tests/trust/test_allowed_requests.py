"""Where the read-only session may go: a table of URLs, and agreement with every parser about what was let through."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
import requests
import urllib3.util
from hypothesis import example, given, settings
from hypothesis import strategies as st

from variance_bridge.errors import ConfigurationError, ForbiddenRequest, PluginError
from variance_bridge.network.allowed_requests import check_hosts, is_loopback, resolve
from variance_bridge.network.session import ReadOnlySession
from variance_bridge.personal_values import PersonalValues, Secret

HOST = "api.acme.example"
HOSTS = frozenset({HOST})

ALLOWED = {
    "https://api.acme.example": "https://api.acme.example/",
    "https://api.acme.example/": "https://api.acme.example/",
    "https://api.acme.example/accounts": "https://api.acme.example/accounts",
    "https://api.acme.example:443/accounts": "https://api.acme.example/accounts",
    "https://api.acme.example/a?b=c&d[]=%2FES": "https://api.acme.example/a?b=c&d[]=%2FES",
    "https://api.acme.example?x=1": "https://api.acme.example/?x=1",
    "https://api.acme.example/instruments/futures/%2FESZ5": None,
    "https://api.acme.example/instruments/future-options/.%2FESZ5%20EW3Z5%20251219P6000": None,
    "https://api.acme.example/instruments/equity-options/SPY%20%20%20251219P00450000": None,
    "https://api.acme.example/a..b/...": None,
    "http://127.0.0.1:8080/accounts": None,
    "http://127.8.9.1/accounts": None,
    "https://127.0.0.1:8443/accounts": None,
    "http://[::1]:8080/accounts": None,
}

REFUSED = {
    "http where https is due": "http://api.acme.example/",
    "http on the port of https": "http://api.acme.example:443/",
    "upper-case scheme": "HTTPS://api.acme.example/",
    "upper-case host": "https://API.acme.example/",
    "another scheme": "ftp://api.acme.example/",
    "a file": "file:///etc/passwd",
    "a file on the host": "file://api.acme.example/etc/passwd",
    "data": "data:text/plain,x",
    "websocket": "wss://api.acme.example/",
    "no scheme": "api.acme.example/",
    "scheme left to the caller": "//api.acme.example/",
    "one slash": "https:/api.acme.example/",
    "three slashes": "https:///api.acme.example/",
    "nothing": "",
    "no host": "https://",
    "trailing dot": "https://api.acme.example./",
    "two trailing dots": "https://api.acme.example../",
    "leading dot": "https://.api.acme.example/",
    "user": "https://user@api.acme.example/",
    "user and password": "https://user:password@api.acme.example/",
    "empty user": "https://@api.acme.example/",
    "host as user": "https://api.acme.example@evil.example/",
    "host as password": "https://x:api.acme.example@evil.example/",
    "encoded @": "https://api.acme.example%40evil.example/",
    "another host": "https://evil.example/",
    "host as a prefix": "https://api.acme.example.evil.example/",
    "host as a suffix": "https://evilapi.acme.example/",
    "subdomain": "https://x.api.acme.example/",
    "parent domain": "https://acme.example/",
    "look-alike letters": "https://api.acrne.example/",
    "Cyrillic letter": "https://api.аcme.example/",
    "punycode of the Cyrillic letter": "https://api.xn--cme-5cd.example/",
    "full-width letters": "https://api.ａcme.example/",
    "ideographic full stop": "https://api。acme.example/",
    "full-width full stop": "https://api．acme．example/",
    "half-width ideographic full stop": "https://api｡acme.example/",
    "encoded host": "https://%61pi.acme.example/",
    "encoded dot": "https://api%2Eacme.example/",
    "encoded slash behind the host": "https://evil.example%2F.api.acme.example/",
    "underscore": "https://api_acme.example/",
    "another port": "https://api.acme.example:8443/",
    "port of http": "https://api.acme.example:80/",
    "port with a zero before": "https://api.acme.example:0443/",
    "port that wraps around": "https://api.acme.example:65979/",
    "empty port": "https://api.acme.example:/",
    "port that is no number": "https://api.acme.example:https/",
    "two ports": "https://api.acme.example:443:443/",
    "port beyond the last, on loopback": "http://127.0.0.1:65536/",
    "backslash for a slash": "https:\\\\api.acme.example\\",
    "backslash before @": "https://evil.example\\@api.acme.example/",
    "backslash behind the host": "https://api.acme.example\\.evil.example/",
    "backslash in the path": "https://api.acme.example/a\\..\\b",
    "tab in the host": "https://api.acme\t.example/",
    "line feed in the host": "https://api.acme.example\n.evil.example/",
    "line feed at the end": "https://api.acme.example/\n",
    "carriage return and header": "https://api.acme.example/ HTTP/1.1\r\nX: y",
    "blank before": " https://api.acme.example/",
    "blank behind": "https://api.acme.example/ ",
    "blank in the path": "https://api.acme.example/a b",
    "null character": "https://api.acme.example/\0",
    "zero-width space": "https://api.acme.example\u200b/",
    "soft hyphen": "https://api.ac\u00adme.example/",
    "fragment": "https://api.acme.example/#x",
    "fragment before @": "https://evil.example#@api.acme.example/",
    "query before @": "https://evil.example?@api.acme.example/",
    "semicolon before the host": "https://evil.example;api.acme.example/",
    "two hosts": "https://api.acme.example,evil.example/",
    "brackets around the host": "https://[api.acme.example]/",
    "dot segment": "https://api.acme.example/./a",
    "dot-dot segment": "https://api.acme.example/a/../b",
    "dot-dot at the end": "https://api.acme.example/a/..",
    "encoded dot-dot": "https://api.acme.example/a/%2e%2E/b",
    "half encoded dot-dot": "https://api.acme.example/a/.%2e/b",
    "twice encoded dot-dot": "https://api.acme.example/a/%252e%252e/b",
    "dot-dot and an encoded slash": "https://api.acme.example/a/..%2Fb",
    "dot-dot and an encoded backslash": "https://api.acme.example/a/..%5Cb",
    "two slashes": "https://api.acme.example//evil.example/",
    "empty segment": "https://api.acme.example/a//b",
    "encoded line feed": "https://api.acme.example/a%0d%0aX:%20y",
    "encoded null": "https://api.acme.example/a%00",
    "broken escape": "https://api.acme.example/%2",
    "escape that is none": "https://api.acme.example/%zz",
    "non-ASCII path": "https://api.acme.example/ä",
    "angle brackets": "https://api.acme.example/<x>",
    "too long": "https://api.acme.example/" + "a" * 9000,
    "short loopback": "http://127.1/",
    "loopback as a number": "http://2130706433/",
    "loopback in hexadecimal": "http://0x7f000001/",
    "loopback in octal": "http://0177.0.0.1/",
    "loopback with zeros": "http://127.0.0.01/",
    "loopback with a trailing dot": "http://127.0.0.1./",
    "loopback with a user": "http://x@127.0.0.1/",
    "name of loopback": "http://localhost/",
    "any address": "http://0.0.0.0/",
    "any address, IPv6": "http://[::]/",
    "mapped loopback": "http://[::ffff:127.0.0.1]/",
    "mapped loopback in hexadecimal": "http://[::ffff:7f00:1]/",
    "long loopback, IPv6": "http://[0:0:0:0:0:0:0:1]/",
    "loopback with a zone": "http://[::1%25lo]/",
    "loopback without brackets": "http://::1/",
    "loopback as a name's end": "http://127.0.0.1.evil.example/",
    "loopback before @": "http://127.0.0.1@evil.example/",
    "private network": "https://192.168.0.1/",
    "metadata service": "http://169.254.169.254/latest/meta-data/",
    "link-local, IPv6": "https://[fe80::1]/",
    "nearly loopback": "http://128.0.0.1/",
}


@pytest.fixture
def no_network(monkeypatch):
    """Whoever asks for a name or a connection fails the test."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        pytest.fail("a byte was about to leave")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "sendall", refuse)


@pytest.mark.parametrize("url", ALLOWED)
def test_a_plain_url_of_a_declared_host_is_let_through_unchanged(url: str) -> None:
    assert resolve(url, HOSTS).url == (ALLOWED[url] or url)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("case", REFUSED)
def test_every_other_url_is_refused_before_a_byte_leaves(open_session, case: str) -> None:
    session = open_session()
    canary = Secret("canary-credential-1")
    url = REFUSED[case]
    with pytest.raises(ForbiddenRequest) as caught:
        session.get(url, headers={"Authorization": canary})
    with pytest.raises(ForbiddenRequest):
        session.post_token(url, form={"refresh_token": canary})
    assert session.statistics.requests == 0
    assert len(url) < 2 or url not in f"{caught.value} {caught.value.hint}"


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/accounts",
        "/oauth/token/",
        "/oauth",
        "/oauth/Token",
        "/oauth/token?x=1",
        "/oauth%2Ftoken",
    ],
)
def test_a_post_goes_to_the_token_paths_only(open_session, path: str) -> None:
    session = open_session()
    for origin in (f"https://{HOST}", "http://127.0.0.1:9"):
        with pytest.raises(ForbiddenRequest):
            session.post_token(origin + path, form={"a": "b"})
    assert session.statistics.requests == 0


@pytest.mark.parametrize("path", ["/", "/oauth/token", "/v1/orders", "/v1/quotes/", "/v1%2Fquotes"])
def test_a_read_by_post_goes_to_the_declared_reads_only(open_session, path: str) -> None:
    session = open_session()
    for origin in (f"https://{HOST}", "http://127.0.0.1:9"):
        with pytest.raises(ForbiddenRequest):
            session.post_read(origin + path, json={"symbols": ["SPY"]})
    assert session.statistics.requests == 0


def test_the_session_offers_three_kinds_of_request_and_no_way_to_another(open_session) -> None:
    public = {name for name in dir(open_session()) if not name.startswith("_")}
    assert public == {"get", "post_read", "post_token", "stage", "routes", "statistics", "close"}


@pytest.mark.parametrize(
    "name",
    [
        "X-HTTP-Method-Override", "x-http-method", "X-Method-Override", "Host", "Content-Length", "Transfer-Encoding",
        "Connection", "Upgrade", "Cookie", "User-Agent", "Proxy-Authorization", "Accept-Encoding", "bad name", "x:y",
        "", "X\r\nY", "ü",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("no_network")
def test_a_plugin_may_not_set_header_fields_that_change_what_a_request_is(
    open_session, name: str
) -> None:
    with pytest.raises(ForbiddenRequest):
        open_session().get(f"https://{HOST}/", headers={name: "DELETE"})


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b", "ü", "\ud800", "a\x7f"])
@pytest.mark.usefixtures("no_network")
def test_a_header_value_with_a_line_break_is_refused_and_not_reported(
    open_session, value: str
) -> None:
    with pytest.raises(ForbiddenRequest) as caught:
        open_session().get(f"https://{HOST}/", headers={"Accept": value})
    assert value not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        open_session().get(f"https://{HOST}/", headers={"Authorization": Secret(value)})
    assert value not in str(caught.value)


def test_params_are_encoded_once_in_order_with_repeats() -> None:
    address = resolve(
        f"https://{HOST}/x?a=1",
        HOSTS,
        [("b[]", "/ES Z"), ("b[]", "a&b=c"), ("ü", "50%"), ("c", "")],
    )
    assert address.query == "a=1&b%5B%5D=%2FES%20Z&b%5B%5D=a%26b%3Dc&%C3%BC=50%25&c="


def test_what_is_shown_has_no_query_and_no_segment_with_digits() -> None:
    address = resolve(f"https://{HOST}/v2/accounts/5WX00001/positions?symbol=SPY", HOSTS)
    assert address.shown == f"https://{HOST}/v2/accounts/***/positions"
    assert "5WX00001" not in repr(address)
    assert "SPY" not in repr(address)


@pytest.mark.parametrize(
    "host",
    [
        "*.acme.example", "*", "acme", "10.0.0.1", "0x7f.1", "API.acme.example", "api.acme.example.", "api.acme.example:8",
        "https://api.acme.example", "api..example", "-a.example", "a-.example", "", "ä.example", "[::2]", "a." * 130 + "b",
        "x@y.example", "localhost",
    ],
)  # fmt: skip
def test_a_plugin_cannot_declare_a_pattern_or_an_address(host: str) -> None:
    with pytest.raises(PluginError):
        check_hosts([HOST, host])


@pytest.mark.parametrize(
    "path", ["token", "", "/a/../b", "//x", "/a?b", "/a#b", "/a b", "/%6f", "/a\n"]
)
def test_a_plugin_cannot_declare_a_crooked_token_path(clock, path: str) -> None:
    with pytest.raises(PluginError):
        ReadOnlySession(
            [HOST], [path], clock=clock, personal=PersonalValues(), user_agent="variance-bridge/1"
        )


@pytest.mark.parametrize(
    "user_agent", ["", "variance-bridge", "a/1\r\nX: y", "a b/1", "python requests"]
)
def test_a_session_needs_a_user_agent_of_the_form_product_and_version(
    clock, user_agent: str
) -> None:
    with pytest.raises(PluginError):
        ReadOnlySession([HOST], clock=clock, personal=PersonalValues(), user_agent=user_agent)


NASTY = st.sampled_from(
    [
        "https://", "http://", "api.acme.example", "evil.example", "127.0.0.1", "[::1]", "@", ":", ":443", ":8080", "/",
        "//", "\\", "?", "#", ".", "..", "%2e", "%2F", "%5c", "%00", "%40", "\t", "\n", " ", "。", "xn--", "localhost",
        "a", "%", ";", ",", "[", "]", "\0", "0x7f.1", "&", "=",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(pieces=st.lists(NASTY, max_size=8), start=st.booleans())
@example(pieces=["@", "evil.example"], start=True)
@example(pieces=["/", "[::1]"], start=True)
@example(pieces=["/a", "%2e", "b"], start=True)
def test_all_parsers_agree_about_what_was_let_through(pieces: list[str], start: bool) -> None:
    url = ("https://api.acme.example" if start else "") + "".join(pieces)
    try:
        address = resolve(url, HOSTS)
    except ForbiddenRequest:
        return
    sent = address.url
    prepared = requests.Request("GET", sent).prepare().url
    hosts = {
        urlsplit(sent).hostname,
        urllib3.util.parse_url(sent).host.strip("[]"),
        urlsplit(prepared).hostname,
    }
    assert len(hosts) == 1
    host = hosts.pop()
    assert host == HOST or is_loopback(host) or host == "::1"
    assert host != HOST or urlsplit(sent).scheme == "https"
    assert urlsplit(sent).username is None
    assert urllib3.util.parse_url(sent).request_uri.split("?")[0] == address.path
