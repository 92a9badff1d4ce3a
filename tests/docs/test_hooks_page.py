"""The page on hooks has every hook with its arguments, every method that is promised, and every field of a record."""

from __future__ import annotations

import inspect
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
from click.testing import CliRunner

import variance_bridge
from variance_bridge import (
    api_client,
    broker,
    commands,
    formatting,
    model,
    paging,
    polling,
    rows,
)
from variance_bridge.cli.invocation import Invocation
from variance_bridge.document.schema import schema
from variance_bridge.plugins import hookspecs
from variance_bridge.testing import Exchange, FrozenClock, SimulatedSession

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
HOOKS = {
    name: value
    for name, value in vars(hookspecs).items()
    if inspect.isfunction(value) and hasattr(value, "variance_bridge_spec")
}
PROTOCOLS = (broker.Broker, broker.QuoteSource, broker.Session, broker.Response, broker.Clock)
RECORDS = [
    cls
    for name, cls in vars(broker).items()
    if inspect.isclass(cls)
    and attrs.has(cls)
    and cls.__module__ == broker.__name__
    and not name.startswith("_")
]


def signature(function: object) -> str:
    """As the page writes it: annotations without quotes, texts in double ones."""
    text = re.sub(r"= '([^']*)'", r'= "\1"', str(inspect.signature(function)))
    return text.replace("'", "").replace("attrs.NOTHING", "NOTHING")


def methods(protocol: type) -> dict[str, object]:
    return {
        name: value
        for name, value in vars(protocol).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def test_there_are_hooks():
    assert len(HOOKS) >= 3


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_there_with_its_very_signature(name):
    section = PAGE.partition(f"### {name}\n")[2].partition("\n#")[0]

    assert f"def {name}{signature(HOOKS[name])}\n" in section


def test_the_page_has_no_hook_that_does_not_exist():
    assert set(re.findall(r"^### (variance_bridge_\w+)$", PAGE, re.MULTILINE)) == set(HOOKS)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda one: one.__name__)
def test_every_method_of_what_is_promised_is_there_with_its_signature(protocol):
    block = PAGE.partition(f"class {protocol.__name__}(Protocol):\n")[2].partition("```")[0]
    written = [line.strip() for line in block.splitlines()]

    for name, method in methods(protocol).items():
        assert f"def {name}{signature(method)}" in written
    for name, value in vars(protocol).items():
        if isinstance(value, property):
            returned = inspect.signature(value.fget).return_annotation
            assert f"{name}: {returned}" in written
    assert len(written) == sum(not name.startswith("_") for name in vars(protocol))


def test_the_function_setting_is_there_with_its_signature():
    assert (
        "def setting(default: Any = NOTHING, *, title: str, environment: str | None = None) -> Any"
        in (PAGE)
    )
    assert list(inspect.signature(broker.setting).parameters) == ["default", "title", "environment"]


@pytest.mark.parametrize("record", RECORDS, ids=lambda one: one.__name__)
def test_every_field_of_every_record_is_there_with_its_type(record):
    section = PAGE.partition(f"### {record.__name__}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", section, re.MULTILINE)

    assert rows == [
        (field.name, str(field.type).replace(" | ", " or ")) for field in attrs.fields(record)
    ]


def test_every_capability_is_there():
    assert [word for word in broker.Capability if f"`{word}`" not in PAGE] == []


def test_the_page_is_about_this_hook_api():
    assert f"hook API **{broker.HOOK_API}**" in PAGE


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (model.Meta, "meta"),
        (model.Balances, "balances"),
        (model.Holding, "position"),
        (model.Quote, "quote"),
        (model.Greeks, "greeks"),
    ],
)
def test_the_classes_of_a_portfolio_have_exactly_the_members_of_the_schema(cls, name):
    assert {field.name for field in attrs.fields(cls)} == set(schema()["$defs"][name]["properties"])


def test_every_name_that_rows_are_read_with_is_there():
    section = PAGE.partition("## Reading rows\n")[2].partition("\n## ")[0]
    methods = [name for name in vars(rows.Members) if not name.startswith("_")]
    inner = {"cautions", "caution", "get", "is_absent"}

    assert [name for name in rows.__all__ if f"`{name}" not in section] == []
    assert [name for name in methods if f"`row.{name}`" not in section] == sorted(
        inner, key=methods.index
    )


def test_the_code_of_a_command_runs(tmp_path):
    block = next(b for b in PAGE.split("```python\n") if b.startswith("@click.command")).partition(
        "```"
    )[0]
    names = {"click": click, "load": variance_bridge.load, "printable": formatting.printable}
    names |= {name: getattr(commands, name) for name in commands.__all__}
    exec(block, names)
    positions = [{"root": "F", "symbol": "F", "type": "stock", "side": "short", "quantity": 200}]
    meta = {
        "source": "acme",
        "fetched_at": datetime.now(UTC).isoformat(),
        "account_hash": "a1b2***",
    }
    file = tmp_path / "live_acme.json"
    file.write_text(json.dumps({"meta": meta, "positions": positions}))
    invocation = Invocation()
    invocation.newest_live = lambda: file

    done = CliRunner().invoke(names["command"], obj=invocation, catch_exceptions=False)

    assert done.stdout == "F -200\n"


def test_the_code_of_a_listener_runs(tmp_path):
    block = next(b for b in PAGE.split("```python\n") if "class JournalSettings" in b)
    names = {"attrs": attrs, "Path": Path}
    names |= {name: getattr(variance_bridge, name) for name in variance_bridge.__all__}
    exec(block.partition("```")[0], names)
    meta = model.Meta(source="acme", fetched_at=datetime(2026, 1, 15, 15, tzinfo=UTC))
    settings = names["variance_bridge_listener_settings"]()(file=tmp_path / "journal")

    names["variance_bridge_synced"](model.Portfolio(meta=meta), settings)

    assert settings.file.read_text() == "2026-01-15 15:00:00+00:00 0\n"


def test_a_command_is_given_what_is_promised():
    promised = {name for name in vars(commands.Invocation) if not name.startswith("_")}

    assert promised - set(dir(Invocation())) == set()


ANSWERS = {
    "/orders": {"orders": [1], "next": "b"},
    "/orders?cursor=b": {"orders": [2], "next": None},
    "/positions?offset=0": {"rows": [3, 4], "total": 3},
    "/positions?offset=2": {"rows": [5], "total": 3},
    "/lots": {"lots": [6], "links": {"next": "/lots?page=2"}},
    "/lots?page=2": {"lots": [7], "links": {}},
}


def test_the_code_that_asks_an_api_runs():
    section = PAGE.partition("## Requests\n")[2].partition("\n## ")[0]
    names = {name: getattr(variance_bridge, name) for name in variance_bridge.__all__}
    for module in (api_client, paging, polling):
        names |= vars(module)
    names |= {name: getattr(rows, name) for name in rows.__all__}
    names |= {"HINT": "create a new token", "Any": Any}
    exec(section.partition("```python\n")[2].partition("```")[0], names)
    host = "https://api.acme.example"
    told = [(f"{host}{path}", json.dumps(answer)) for path, answer in ANSWERS.items()]
    told += [(f"{host}/statement", f'{{"state": "{state}"}}') for state in ("pending", "done")]
    exchanges = [Exchange(method="GET", url=url, body=body.encode()) for url, body in told]
    clock = FrozenClock()
    broker_of_the_page = names["AcmeBroker"](
        variance_bridge.BrokerContext(
            settings=None,
            credentials={"ACME_TOKEN": variance_bridge.Secret("invented-token")},
            session=SimulatedSession(exchanges, hosts=["api.acme.example"], clock=clock),
            clock=clock,
            personal=variance_bridge.PersonalValues(),
        )
    )

    assert broker_of_the_page.orders() == [1, 2]
    assert [page["rows"] for page in broker_of_the_page.positions()] == [[3, 4], [5]]
    assert [page["lots"] for page in broker_of_the_page.lots()] == [[6], [7]]
    assert broker_of_the_page.statement() == {"state": "done"}


@pytest.mark.parametrize("module", [api_client, paging, polling])
def test_every_name_that_an_api_is_asked_with_is_there(module):
    section = PAGE.partition("## Requests\n")[2].partition("\n## ")[0]
    own = [
        name
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    ]

    assert [name for name in own if not name.startswith("_") and f"{name}`" not in section] == []


def test_the_code_that_reads_rows_runs():
    section = PAGE.partition("## Reading rows\n")[2]
    block = section.partition("```python\n")[2].partition("```")[0]
    names = {name: getattr(variance_bridge, name) for name in variance_bridge.__all__}
    names |= {name: getattr(rows, name) for name in rows.__all__}
    exec(block, names)
    row = {"symbol": "SPY", "type": "stock", "quantity": "-3", "average_price": "2", "mark": "1"}
    raw = broker.RawPortfolio(
        account=broker.Account(number=""),
        payloads={"positions": {"data": {"items": [row, {}]}}},
        fetched_at=datetime(2026, 1, 15, 15, tzinfo=UTC),
    )

    portfolio = names["normalize"](None, raw)

    assert (portfolio.positions[0].side, portfolio.positions[0].unrealized_pl) == ("short", 3)
    assert (portfolio.meta.counts.rejected, portfolio.meta.source) == (1, "acme")
