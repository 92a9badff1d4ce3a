"""A setting that names another address of the API: this machine, a declared host, and nothing else."""

from __future__ import annotations

import sys

import pytest

from variance_bridge.addresses import base_address, is_this_machine
from variance_bridge.cli.auth_login import browser
from variance_bridge.errors import ConfigurationError

USUAL = "https://api.acme.example/"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000", "https://127.0.0.1", "http://[::1]:8000/v1", "http://127.3.2.1/a/"],
)
def test_an_address_of_this_machine_may_stand_in_for_the_brokers(url) -> None:
    assert is_this_machine(url)
    assert base_address(url, USUAL, setting="x") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://evil.example#@127.0.0.1",
        "http://evil.example\\@127.0.0.1",
        "http://127.1",
        "ftp://127.0.0.1",
        "127.0.0.1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1?x",
        "http://[::1",
        "",
        "http://api.acme.example",
        "https://api.acme.example:8443",
        "https://api.acme.example.evil.example",
        "https://other.example",
    ],
)
def test_no_credential_is_sent_to_another_address(url) -> None:
    assert not is_this_machine(url)
    with pytest.raises(ConfigurationError) as caught:
        base_address(url, USUAL, setting="`base_url` of acme", hosts=("api.acme.example",))
    assert "base_url" in str(caught.value)
    assert "evil" not in f"{caught.value} {caught.value.hint}"


def test_the_usual_address_and_the_declared_hosts_are_taken() -> None:
    for spelled in (None, USUAL, "https://api.acme.example"):
        assert base_address(spelled, USUAL, setting="x") == "https://api.acme.example"
    other = "https://sandbox.acme.example/v2/"
    hosts = ("sandbox.acme.example",)
    assert base_address(other, USUAL, setting="x", hosts=hosts) == other.rstrip("/")


class Window:
    def __init__(self, opens) -> None:
        self.opens, self.seen = opens, []

    def open(self, address):
        self.seen.append(address)
        return self.opens


def test_a_browser_is_opened_where_there_is_one_with_a_window(monkeypatch) -> None:
    import webbrowser

    window = Window(True)
    monkeypatch.setattr(webbrowser, "get", lambda: window)
    assert browser(False, {"DISPLAY": ":0"})("https://acme.example")
    assert window.seen == ["https://acme.example"]
    assert not browser(True, {"DISPLAY": ":0"})("https://acme.example")
    if sys.platform.startswith("linux"):
        assert not browser(False, {})("https://acme.example")
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("lynx"))
    assert not browser(False, {"DISPLAY": ":0"})("https://acme.example")


def test_a_machine_without_a_browser_is_no_error(monkeypatch) -> None:
    import webbrowser

    def none() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert not browser(False, {"DISPLAY": ":0"})("https://acme.example")
