"""A third party's plugin that is broken, in conflict, too new or not yet trusted is a state and never a crash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

GOOD = """
from variance_bridge import BrokerSpec, hookimpl

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name={name!r}, slug={name!r}, title="Acme", broker="{module}:Broker", hosts=("api.acme.example",))]

class Broker:
    def __init__(self, context):
        self.context = context
    def accounts(self):
        import os
        from variance_bridge import Account
        assert "SECRET_OF_ANOTHER_TOKEN" not in os.environ
        return [Account(number="ZZ-00099911")]
    def fetch(self, account):
        from variance_bridge import RawPortfolio
        return RawPortfolio(account=account, payloads={{}}, fetched_at=self.context.clock.now())
    def normalize(self, raw):
        from variance_bridge import Counts, Meta, Portfolio
        counts = Counts(fetched=0, normalized=0, closed=0, rejected=0)
        return Portfolio(meta=Meta(source={name!r}, fetched_at=raw.fetched_at, counts=counts))
"""


def good(name: str, distribution: str | None = None) -> str:
    return GOOD.format(name=name, module=(distribution or f"{name}-plugin").replace("-", "_"))


@pytest.mark.parametrize(
    "source",
    [
        "raise RuntimeError('5WX00001')",
        "import nowhere_at_all",
        "syntax error here",
        "import sys; sys.exit(9)",
    ],
)
def test_a_plugin_that_breaks_on_import_breaks_nothing_else(variance, install, export, source):
    install("broken", source)

    for arguments in (
        ["--version"],
        ["--help"],
        ["sync", "--broker", "csv", "--input", export],
        ["validate", "positions/live_csv.json"],
        ["show"],
        ["schema"],
    ):
        done = variance(*arguments)
        assert done.code == 0, (arguments, done.err)
    listed = {
        entry["name"]: entry for entry in json.loads(variance("brokers", "--json").out)["brokers"]
    }
    assert listed["csv"]["state"] == "ready"
    assert listed["broken"]["state"] == "broken"
    assert listed["broken"]["reason"].startswith("broken-plugin 1.0 cannot be imported: ")
    refused = variance("-vv", "sync", "--broker", "broken")
    assert (refused.code, "broken-plugin 1.0" in refused.err) == (3, True)
    assert "5WX00001" not in refused.err


def test_two_plugins_of_one_name_are_an_error_that_names_both(variance, install):
    install("acme", good("acme", "acme-one"), distribution="acme-one")
    install("acme", good("acme", "acme-two"), distribution="acme-two")
    done = variance("sync", "--broker", "acme")

    assert done.code == 3
    assert "acme-one 1.0 and acme-two 1.0" in done.err


def test_a_plugin_for_a_newer_core_is_refused_with_words(variance, install):
    install("acme", good("acme").replace('title="Acme"', 'title="Acme", hook_api=99'))
    done = variance("sync", "--broker", "acme")

    assert (done.code, "needs hook API 99" in done.err, "upgrade variance-bridge" in done.err) == (
        3,
        True,
        True,
    )


def test_the_first_use_of_a_foreign_plugin_needs_a_yes(variance, install, folder, monkeypatch):
    install("acme", good("acme"))

    refused = variance("sync", "--broker", "acme")
    assert (refused.code, "has not been allowed" in refused.err) == (3, True)
    monkeypatch.setenv("SECRET_OF_ANOTHER_TOKEN", "x")
    allowed = variance("sync", "--broker", "acme", "--yes")
    assert allowed.code == 0, allowed.err
    assert "the broker answered, and the account holds nothing" in allowed.out
    again = variance("sync", "--broker", "acme")
    assert again.code == 0, again.err
    assert "00099911" not in (folder / "positions" / "live_acme.json").read_text()


def test_a_plugin_that_is_allowed_by_the_configuration_is_not_asked_about(
    variance, install, folder
):
    install("acme", good("acme"))
    (folder / "mine.toml").write_text('[plugins]\nallow = ["acme-plugin"]\n')

    assert variance("--config", "mine.toml", "sync", "--broker", "acme").code == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("return [Account(", "return [dict(", "not an account"),
        ("return Portfolio(", "return dict(", "not a Portfolio"),
        ("counts=counts", "", "did not count its rows"),
        ("return RawPortfolio(", "return dict(", "not a RawPortfolio"),
        (
            "def normalize(self, raw):",
            "def normalize(self, raw):\n        raise KeyError('5WX00001')",
            "failed while it normalized: KeyError",
        ),
        (
            "def fetch(self, account):",
            "def fetch(self, account):\n        raise SystemExit(0)",
            "failed while it fetched: SystemExit",
        ),
        ("self.context = context", "raise ValueError('5WX00001')", "cannot be started: ValueError"),
        ("class Broker:", "class Brokr:", "cannot import acme_plugin:Broker"),
    ],
)
def test_a_plugin_that_breaks_its_contract_is_named_and_publishes_nothing(
    variance, install, folder, old, new, words
):
    install("acme", good("acme").replace(old, new))
    done = variance("sync", "--broker", "acme", "--yes")

    assert (done.code, words in done.err) == (3, True), done.err
    assert "5WX00001" not in done.err
    assert not (folder / "positions" / "live_acme.json").exists()


@pytest.mark.parametrize(
    ("source", "words"),
    [("import nowhere_at_all", "cannot bring the command"), ("x = 1", "not a click command")],
)
def test_a_broken_command_of_a_plugin_is_reported_when_it_is_called(
    variance, install, source, words
):
    install("gadget", source, group="variance_bridge.commands")

    assert variance("--help").code == 0
    refused = variance("gadget")
    assert (refused.code, "gadget-plugin 1.0 has not been allowed" in refused.err) == (3, True)
    Path("mine.toml").write_text('[plugins]\nallow = ["gadget-plugin"]\n')
    done = variance("--config", "mine.toml", "gadget")
    assert (done.code, words in done.err) == (3, True)


COMMAND = """
import click, pathlib
pathlib.Path("imported.txt").write_text("")

@click.command()
def {name}():
    click.echo("theirs")
"""


def test_a_command_of_a_third_party_is_not_imported_before_a_yes(variance, install, folder):
    install("gadget", COMMAND.format(name="gadget"), group="variance_bridge.commands")

    assert variance("gadget").code == 3
    assert not (folder / "imported.txt").exists()


@pytest.mark.parametrize(
    "distribution", ["evil-tools", "Variance_Bridge.Triage", "variance-bridge-triage2"]
)
def test_a_command_of_ours_is_not_displaced_by_another_of_its_name(
    variance, install, export, folder, distribution
):
    source = COMMAND.format(name="triage")
    install("triage", source, distribution=distribution, group="variance_bridge.commands")
    done = variance("triage", export)

    # A name that pip takes for ours hides it, as an import would: that is asked about, and refused here.
    assert done.code == (3 if distribution == "Variance_Bridge.Triage" else 0)
    assert "theirs" not in done.out
    assert not (folder / "imported.txt").exists()


def test_a_look_alike_on_the_path_is_asked_about(variance, install, export, folder):
    install("csv2", "", distribution="Variance_Bridge.CSV")
    from variance_bridge.plugins.registry import Plugin, is_built_in

    ours = Plugin("csv", "variance_bridge_csv.plugin", "variance-bridge-csv", "0.1.0")
    assert is_built_in(ours)
    for change in (
        {"distribution": "Variance_Bridge.CSV"},
        {"distribution": "variance-bridge_csv"},
        {"value": "evil.plugin"},
        {"value": "variance_bridge_csv2.plugin"},
        {"distribution": "variance-bridge-csv2", "value": "variance_bridge_csv2"},
    ):
        assert not is_built_in(ours._replace(**change)), change


FORMAT = """
def export(portfolios):
    print("noise")
    return b"%d positions" % sum(len(each.positions) for each in portfolios)
"""


def test_a_format_of_a_third_party_is_used_once_it_is_trusted(variance, install, export, folder):
    install("counted", FORMAT, group="variance_bridge.exports", attribute=":export")
    refused = variance("export", export, "--format", "counted")

    assert (refused.code, "counted-plugin 1.0 has not been allowed" in refused.err) == (3, True)

    (folder / "mine.toml").write_text('[plugins]\nallow = ["counted-plugin"]\n')
    written = variance("--config", "mine.toml", "export", export, "--format", "counted")
    assert (written.code, written.out) == (0, "3 positions")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("def export(portfolios): return 'text'", "returned something other than bytes"),
        ("export = 5", "something other than a function"),
        ("def export(portfolios): raise ValueError('5WX00001')", "ValueError"),
    ],
)
def test_a_broken_format_of_a_third_party_is_blamed_by_name(
    variance, install, export, folder, source, what
):
    install("broken", source, group="variance_bridge.exports", attribute=":export")
    (folder / "mine.toml").write_text('[plugins]\nallow = ["broken-plugin"]\n')
    refused = variance("--config", "mine.toml", "export", export, "--format", "broken")

    assert (refused.code, "broken-plugin 1.0" in refused.err, what in refused.err) == (
        3,
        True,
        True,
    )
    assert "5WX00001" not in refused.err
