"""The names of `variance_bridge`: what is promised, what a type checker sees, and what is there."""

from __future__ import annotations

import ast
import importlib
import tomllib
from pathlib import Path

import pytest

import variance_bridge

PROMISED = [
    "HOOK_API",
    "Account",
    "Balances",
    "BridgeError",
    "Broker",
    "BrokerContext",
    "BrokerRefused",
    "BrokerSpec",
    "BrokerUnreachable",
    "Capability",
    "Caution",
    "Clock",
    "ConfigurationError",
    "Counts",
    "Credential",
    "CredentialsMissing",
    "DataRefused",
    "Deliverable",
    "Environment",
    "Flag",
    "Freshness",
    "Greeks",
    "Holding",
    "Instrument",
    "InstrumentType",
    "MarketData",
    "MarketSnapshot",
    "Meta",
    "OptionType",
    "PersonalValues",
    "PluginError",
    "Portfolio",
    "PortfolioParser",
    "Position",
    "PositionsTooOld",
    "Quote",
    "QuoteSource",
    "QuoteSourceSpec",
    "RawPortfolio",
    "RejectedRow",
    "Rejection",
    "Response",
    "Secret",
    "Session",
    "Side",
    "Snapshot",
    "Status",
    "SymbolError",
    "SyncRunning",
    "__version__",
    "hookimpl",
    "load",
    "setting",
]
"""What 0.1 promises to programs and plugins. A name only leaves this list with a new major version."""


def seen_by_type_checkers() -> dict[str, str]:
    """The module of each name that is imported under `if TYPE_CHECKING`."""
    source = Path(variance_bridge.__file__).read_text(encoding="utf-8")
    (block,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        name.name: str(imported.module)
        for imported in block.body
        if isinstance(imported, ast.ImportFrom)
        for name in imported.names
    }


SEEN = seen_by_type_checkers()


@pytest.mark.parametrize("name", PROMISED)
def test_what_was_promised_is_still_there(name):
    assert hasattr(variance_bridge, name)
    assert name in variance_bridge.__all__


@pytest.mark.parametrize("name", SEEN)
def test_a_type_checker_sees_the_object_that_a_program_gets(name):
    module = importlib.import_module(SEEN[name])
    assert getattr(variance_bridge, name) is getattr(module, name)


def test_every_public_name_is_seen_by_type_checkers():
    assert sorted(variance_bridge.__all__) == sorted([*SEEN, "__version__"])
    assert set(variance_bridge.__all__) <= set(dir(variance_bridge))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such"):
        _ = variance_bridge.no_such


def test_the_version_is_that_of_the_distribution():
    table = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())

    assert table["project"]["version"] == variance_bridge.__version__
