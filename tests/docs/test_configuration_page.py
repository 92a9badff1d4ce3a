"""The page on configuration has every key and every environment variable, and each wins where it says."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest

from variance_bridge.broker import setting
from variance_bridge.pipeline import run as broker_run
from variance_bridge.pipeline import sync_account
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.settings import configuration
from variance_bridge.settings.table_to_class import keys_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
TABLES = (
    configuration.ConfigurationFile,
    configuration.PluginsTable,
    configuration.NetworkTable,
    configuration.FreshnessTable,
    configuration.ProfileTable,
    configuration.BrokerTable,
)
KEYS = [key for table in TABLES for key in keys_of(table)]


def variables() -> set[str]:
    """Variables of ours that programs of the repository read."""
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py"), ROOT / "variance"]
    files += [*ROOT.glob("scripts/*")]
    texts = [path.read_text(encoding="utf-8") for path in files if path.is_file()]
    return {name for text in texts for name in re.findall(r"\bVARIANCE_[A-Z]+(?:_[A-Z]+)*\b", text)}


@pytest.mark.parametrize("key", sorted(set(KEYS)))
def test_every_key_is_on_the_page(key):
    example = PAGE.partition("```toml")[2].partition("```")[0]

    assert re.search(rf"^(\[{key}[\].]|{key} = )", example, re.MULTILINE)


def test_every_environment_variable_of_ours_is_on_the_page():
    assert len(variables()) >= 7
    assert {name for name in variables() if f"`{name}`" not in PAGE} == set()


ORDER = dict(
    re.findall(r"^\| ([a-z' ]+) \| (.+) \|$", PAGE.partition("## Which one wins")[2], re.MULTILINE)
)
FULL = """
broker = "file"
quotes = "file"
[brokers.acme]
quotes = "table"
size = "table"
[profiles.mine]
broker = "profile"
quotes = "profile"
size = "profile"
"""
SOURCES = {
    "--broker": "flag",
    "--quotes": "flag",
    "--set KEY=VALUE": "flag",
    "VARIANCE_BROKER": "environment",
    "VARIANCE_QUOTES": "environment",
    "its environment variable": "environment",
    "the profile": "profile",
    "the broker's table": "table",
    "broker": "file",
    "quotes": "file",
    "the broker's own": "own",
    "its default": "own",
}
"""What the page calls each place, and the value that stands there in these tests."""


@attrs.frozen(kw_only=True)
class Settings:
    size: str = setting("own", title="size", environment="ACME_SIZE")


class Asked(Exception):
    """The name that the registry was asked for."""


def ask(name: str) -> None:
    raise Asked(name)


def chosen(kind: str, there: set[str], folder: Path) -> str:
    """What wins of the places that are there."""
    sections = re.split(r"\n(?=\[)", FULL)
    kept = {"file": sections[0], "table": sections[1], "profile": sections[2]}
    text = "\n".join(part for name, part in kept.items() if name in there)
    (folder / "variance.toml").write_text(text)
    names = ("VARIANCE_BROKER", "VARIANCE_QUOTES", "ACME_SIZE")
    environment = dict.fromkeys(names, "environment") if "environment" in there else {}
    read = configuration.read_configuration(folder, None, environment)
    flag = "flag" if "flag" in there else None
    profile = "mine" if "profile" in there else None
    if kind == "broker":
        context = SimpleNamespace(configuration=read, registry=SimpleNamespace(load=ask, names=()))
        with pytest.raises(Asked) as asked:
            broker_run.open_broker(context, Choice(broker=flag, profile=profile))
        return str(asked.value)
    if kind == "quotes":
        run = SimpleNamespace(
            context=SimpleNamespace(configuration=read),
            profile=read.profile(profile),
            spec=SimpleNamespace(name="acme", quotes="own"),
        )
        return str(sync_account.quote_source_of(run, SimpleNamespace(quotes=flag)))
    settings = configuration.broker_settings(
        Settings,
        configuration=read,
        broker="acme",
        profile=read.profile(profile),
        overrides={"size": flag} if flag else {},
    )
    return str(settings.instance.size)


@pytest.mark.parametrize("kind", ["broker", "quotes", "a broker's setting"])
def test_what_wins_is_what_the_page_says(kind, tmp_path):
    order = [SOURCES[word.strip("` ")] for word in ORDER[kind].split(", ")]

    for place in range(len(order)):
        assert chosen(kind, set(order[place:]), tmp_path) == order[place]
    assert len(order) >= 4
