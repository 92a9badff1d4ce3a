from __future__ import annotations

import sys
import types

import pytest

from variance_bridge.broker import HOOK_API, BrokerSpec, QuoteSourceSpec
from variance_bridge.errors import PluginError, UnknownPlugin
from variance_bridge.plugins.guard import guarded
from variance_bridge.plugins.hookspecs import hookimpl
from variance_bridge.plugins.loading import PluginState, Registry
from variance_bridge.plugins.registry import LISTENERS, Plugin, find_plugin


def point(
    name: str,
    module: str,
    distribution: str = "acme-broker",
    version: str = "1.0",
) -> Plugin:
    return Plugin(name, module, distribution, version)


def spec(name: str = "acme", **changes) -> BrokerSpec:
    return BrokerSpec(
        **{"name": name, "slug": name, "title": "Acme", "broker": "acme_x:Broker", **changes}
    )


@pytest.fixture
def install(monkeypatch):
    """Makes a module that can be imported, with the hooks given, and an entry point for it."""

    def make(name: str, source: str = "", hooks: dict | None = None, **about) -> Plugin:
        module = types.ModuleType(
            f"fake_{name}_{about.get('distribution', 'one').replace('-', '_')}"
        )
        for hook, function in (hooks or {}).items():
            setattr(module, hook, function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return point(name, module.__name__, **about)

    return make


def declares(*specs):
    @hookimpl
    def variance_bridge_brokers():
        return list(specs)

    return {"variance_bridge_brokers": variance_bridge_brokers}


def registry(*points: Plugin) -> Registry:
    return Registry(lambda _group: points)


def broken(name: str) -> Plugin:
    return point(name, f"no_such_module_{name}", distribution=f"{name}-broker")


def test_a_broker_is_found_by_the_name_of_its_entry_point(install):
    loaded = registry(install("acme", hooks=declares(spec()))).load("acme")

    assert loaded.broker == spec()


def test_asking_for_one_broker_imports_no_other(install):
    good = install("acme", hooks=declares(spec()))

    assert registry(broken("bad"), good).load("acme").broker.name == "acme"


def test_a_plugin_that_cannot_be_imported_is_listed_with_the_reason_and_the_others_work(install):
    listing = registry(broken("bad"), install("acme", hooks=declares(spec()))).brokers()

    states = {entry.name: (entry.state, entry.reason) for entry in listing}
    assert states["acme"] == (PluginState.LOADED, None)
    assert states["bad"][0] is PluginState.BROKEN
    assert "ModuleNotFoundError (no_such_module_bad)" in states["bad"][1]


class Panic(BaseException):
    """What an extension module raises that was written in another language."""


@pytest.mark.parametrize(
    "failure",
    [RuntimeError("5WX00001"), SystemExit(3), ZeroDivisionError(), Panic("5WX00001")],
)
def test_a_plugin_that_raises_is_reported_by_the_class_and_never_by_the_message(install, failure):
    @hookimpl
    def variance_bridge_brokers():
        raise failure

    with pytest.raises(PluginError) as caught:
        registry(install("acme", hooks={"variance_bridge_brokers": variance_bridge_brokers})).load(
            "acme"
        )

    assert type(failure).__name__ in str(caught.value)
    assert "5WX00001" not in f"{caught.value} {caught.value.hint}"


def test_two_distributions_with_one_name_are_both_named(install):
    one = install("acme", hooks=declares(spec()), distribution="acme-a", version="1.2")
    two = install("acme", hooks=declares(spec()), distribution="acme-b", version="0.9")
    found = registry(one, two)

    with pytest.raises(PluginError, match=r"acme-a 1\.2 and acme-b 0\.9"):
        found.load("acme")
    assert [entry.state for entry in found.brokers()] == [PluginState.CONFLICT]


def test_one_distribution_that_is_found_twice_is_not_a_conflict(install):
    twice = install("acme", hooks=declares(spec()))

    assert registry(twice, twice).load("acme").broker.name == "acme"


def test_a_plugin_for_a_newer_hook_api_is_refused_with_words(install):
    found = registry(install("acme", hooks=declares(spec(hook_api=HOOK_API + 1))))

    with pytest.raises(PluginError, match=f"needs hook API {HOOK_API + 1}") as caught:
        found.load("acme")
    assert caught.value.hint == "upgrade variance-bridge"
    assert [entry.state for entry in found.brokers()] == [PluginState.TOO_NEW]


def test_a_record_of_a_future_class_that_needs_a_newer_api_is_reported_as_too_new(install):
    class SpecOfTomorrow:
        hook_api = HOOK_API + 1

    found = registry(install("acme", hooks=declares(SpecOfTomorrow())))

    assert [entry.state for entry in found.brokers()] == [PluginState.TOO_NEW]


@pytest.mark.parametrize(
    ("specs", "reason"),
    [
        ((), "declares 0"),
        ((spec(), spec()), "declares 2"),
        ((spec("other"),), "declares 0"),
        (("acme",), "not a BrokerSpec"),
        ((spec(hook_api=0),), "before 1"),
    ],
)
def test_a_plugin_that_declares_something_else_is_refused(install, specs, reason):
    with pytest.raises(PluginError, match=reason):
        registry(install("acme", hooks=declares(*specs))).load("acme")


def test_a_hook_that_does_not_exist_is_refused_instead_of_ignored(install):
    @hookimpl
    def variance_bridge_borkers():
        return []

    with pytest.raises(PluginError, match="hook that does not exist"):
        registry(
            install(
                "acme",
                hooks={**declares(spec()), "variance_bridge_borkers": variance_bridge_borkers},
            )
        ).load("acme")


def test_what_a_plugin_prints_never_reaches_stdout(install, capsys):
    @hookimpl
    def variance_bridge_brokers():
        sys.stdout.write("hello\n")
        return [spec()]

    registry(install("acme", hooks={"variance_bridge_brokers": variance_bridge_brokers})).load(
        "acme"
    )

    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("acmee", 'did you mean "acme"?'),
        ("tastytrade", "install the distribution variance-bridge-tastytrade"),
        (
            "tastytrad",
            'did you mean "tastytrade"? Install the distribution variance-bridge-tastytrade',
        ),
        (
            "zzzzzz",
            "read a file that it exports, `variance sync FILE`; or look for a distribution that brings it, or write one: `variance plugin new`",
        ),
    ],
)
def test_an_unknown_name_gets_the_installed_ones_and_the_next_step(name, hint):
    with pytest.raises(UnknownPlugin, match="installed: acme, bad") as caught:
        find_plugin(name, find=lambda _group: [point("acme", "x"), broken("bad")])

    assert caught.value.hint == hint


def test_quotes_are_found_in_the_plugin_of_their_name(install):
    @hookimpl
    def variance_bridge_quotes():
        return [QuoteSourceSpec(name="acme", title="Acme", source="acme_x:Quotes")]

    found = registry(
        install(
            "acme", hooks={**declares(spec()), "variance_bridge_quotes": variance_bridge_quotes}
        )
    )

    plugin, quotes = found.quote_source("acme")
    assert (plugin.broker.name, quotes.source) == ("acme", "acme_x:Quotes")


def test_a_plugin_without_quotes_is_reported(install):
    with pytest.raises(UnknownPlugin, match="no source of quotes"):
        registry(install("acme", hooks=declares(spec()))).quote_source("acme")


def listens(heard: list | None = None):
    @hookimpl
    def variance_bridge_synced(portfolio):
        heard.append(portfolio)

    return {"variance_bridge_synced": variance_bridge_synced}


def test_a_listener_is_imported_by_its_name_and_is_not_a_broker(install):
    heard: list = []
    listener = install("journal", hooks=listens(heard))
    found = Registry(lambda group: [listener] if group == LISTENERS else [broken("bad")])

    loaded = found.load_listener("journal")
    found.synced_hook(loaded.plugin)(portfolio="it", path=None, settings=None)

    assert (heard, loaded.settings) == (["it"], None)
    with pytest.raises(UnknownPlugin):
        found.load("journal")


def test_the_hook_of_one_plugin_does_not_call_another(install):
    heard: list = []
    one = install("one", hooks=listens(heard), distribution="one")
    two = install("two", hooks=listens([]), distribution="two")
    found = registry(one, two)
    plugin = found.load_listener("one").plugin
    found.load_listener("two")

    found.synced_hook(plugin)(portfolio="it", path=None, settings=None)

    assert heard == ["it"]


def test_a_broker_that_listens_too_is_registered_once(install):
    both = install("acme", hooks={**declares(spec()), **listens([])})
    found = registry(both)

    assert found.load("acme").plugin == found.load_listener("acme").plugin


def test_a_broker_that_does_not_listen_has_nothing_to_call(install):
    found = registry(install("acme", hooks=declares(spec())))

    hook = found.synced_hook(found.load("acme").plugin)

    assert hook(portfolio=None, path=None, settings=None) == []


def wrong_settings():
    @hookimpl
    def variance_bridge_listener_settings():
        return {"run": str}

    return {"variance_bridge_listener_settings": variance_bridge_listener_settings}


def wrong_argument():
    @hookimpl
    def variance_bridge_synced(portfolio, balances):
        pass

    return {"variance_bridge_synced": variance_bridge_synced}


@pytest.mark.parametrize(
    ("hooks", "reason"),
    [
        ({}, "does not implement the hook variance_bridge_synced"),
        ({**listens([]), **wrong_settings()}, "not an attrs class"),
        (wrong_argument(), "or with wrong arguments"),
    ],
)
def test_a_listener_that_cannot_be_called_is_refused(install, hooks, reason):
    with pytest.raises(PluginError, match=reason):
        registry(install("journal", hooks=hooks)).load_listener("journal")


def test_a_plugin_whose_hooks_are_wrong_is_refused_each_time(install):
    found = registry(install("journal", hooks=wrong_argument()))

    for _ in range(2):
        with pytest.raises(PluginError, match="with wrong arguments"):
            found.load_listener("journal")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("jornal", 'did you mean "journal"?'),
        ("command", "install the distribution variance-bridge-notify"),
        ("zzzzzz", "look for a distribution that brings it; docs/hooks.md shows how to write one"),
    ],
)
def test_an_unknown_listener_gets_the_installed_ones_and_the_next_step(install, name, hint):
    found = registry(install("journal", hooks=listens([])))

    with pytest.raises(UnknownPlugin, match="installed: journal") as caught:
        found.load_listener(name)

    assert caught.value.hint == hint


def test_listeners_are_listed_and_only_those_that_are_wanted_are_imported(install):
    found = registry(
        install("journal", hooks=listens([])),
        broken("bad"),
        broken("unwanted"),
        install("twice", hooks=listens([]), distribution="a"),
        install("twice", hooks=listens([]), distribution="b"),
    )

    listing = found.listeners(["journal", "bad", "twice", "gone"])

    assert {entry.name: entry.state for entry in listing} == {
        "journal": PluginState.LOADED,
        "bad": PluginState.BROKEN,
        "unwanted": PluginState.UNUSED,
        "twice": PluginState.CONFLICT,
        "gone": PluginState.MISSING,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Acme"},
        {"slug": "a/b"},
        {"broker": "no colon"},
        {"hosts": ("https://api.acme.example",)},
        {"hosts": ("API.acme.example",)},
        {"capabilities": {"teleport"}},
        {"settings": "x"},
    ],
)
def test_a_spec_that_makes_no_sense_cannot_be_made(changes):
    with pytest.raises(ValueError, match=r"must|teleport"):
        spec(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": 5},
        {"title": None},
        {"hosts": "api.acme.example"},
        {"token_paths": (1,)},
        {"answer_modules": "acme.rows"},
        {"credentials": ("ACME_TOKEN",)},
        {"quotes": 7},
        {"create_credentials": b"here"},
    ],
)
def test_a_spec_of_wrong_types_breaks_its_own_plugin_and_no_list_of_brokers(install, changes):
    @hookimpl
    def variance_bridge_brokers():
        return [spec(**changes)]

    listing = registry(
        install("acme", hooks={"variance_bridge_brokers": variance_bridge_brokers})
    ).brokers()

    assert [(entry.state, entry.reason) for entry in listing] == [
        (PluginState.BROKEN, "acme-broker 1.0 failed while it declared itself: TypeError")
    ]


def test_the_users_interruption_passes_the_guard():
    with pytest.raises(KeyboardInterrupt), guarded("acme 1.0", "failed"):
        raise KeyboardInterrupt


def test_our_own_errors_pass_the_guard_unchanged():
    from variance_bridge.errors import BrokerRefused

    with pytest.raises(BrokerRefused, match="no"), guarded("acme 1.0", "failed"):
        raise BrokerRefused("no")
