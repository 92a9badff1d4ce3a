"""For each case of the kit there is a fault that it finds. A case that nothing fails proves nothing.

The broker of the template and a small one for files are right; each fault is one change to them, or to what their
plugins declare, or to the recordings.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import random
import socket
import subprocess
import sys
import time
import types
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from msgspec import structs

from variance_bridge.api_client import ApiClient, FixedSecret
from variance_bridge.broker import (
    Account,
    Capability,
    Credential,
    Notice,
    RawPortfolio,
    setting,
)
from variance_bridge.document import exact_json
from variance_bridge.errors import (
    BridgeError,
    BrokerRefused,
    BrokerUnreachable,
    ConfigurationError,
    DataRefused,
)
from variance_bridge.model import Balances, Caution, Flag, Greeks, Side
from variance_bridge.personal_values import Secret
from variance_bridge.plugins.loading import Registry
from variance_bridge.plugins.registry import Plugin
from variance_bridge.symbology import InstrumentType, OptionType
from variance_bridge.testing import (
    BrokerConformance,
    FileBrokerConformance,
    Recording,
    read_recordings,
)
from variance_bridge.testing.broker_under_test import Subject
from variance_bridge.testing.case_decorator import case_id
from variance_bridge.testing.comparison import wrong
from variance_bridge.testing.plugin_check import suite_cases

HERE = Path(__file__).parent
TABLE = "Symbol,Quantity,Price\nSPY,100,450.25\nF,-200,11.85\nMCD,0,290.1\nQQQ,3,610.5\n"


@pytest.fixture(scope="module")
def toys():
    """The small broker for files."""
    spec = importlib.util.spec_from_file_location("toy_file_broker", HERE / "toy_file_broker.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_file_broker"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["toy_file_broker"]


@pytest.fixture(scope="module")
def good(workshop, tmp_path_factory):
    """The broker of the template, with its declaration and its recordings."""
    project = workshop.project("globex", tmp_path_factory.mktemp("good") / "globex")
    sys.path.insert(0, str(project / "src"))
    module = importlib.import_module("variance_bridge_globex.broker")
    (spec,) = importlib.import_module("variance_bridge_globex.plugin").variance_bridge_brokers()
    yield types.SimpleNamespace(
        module=module,
        positions=importlib.import_module("variance_bridge_globex.positions"),
        broker=module.GlobexBroker,
        spec=spec,
        recordings=read_recordings(project / "tests" / "recordings"),
        project=project,
        loaded=Registry(lambda _: [Plugin("globex", "variance_bridge_globex.plugin")]).load(
            "globex"
        ),
    )
    sys.path.remove(str(project / "src"))


def verdict(suite, identifier, **attributes):
    """What a case says of a broker; None when it is content, or does not apply."""
    tests = {case_id(getattr(suite, name)): name for name in dir(suite)}
    variant = type("Variant", (suite,), {"__module__": __name__, **attributes})
    method = getattr(variant(), tests[identifier])
    marks = getattr(getattr(suite, tests[identifier]), "pytestmark", [])
    values = marks[0].args[1] if marks else [None]
    for value in values:
        try:
            method(value) if marks else method()
        except pytest.fail.Exception as failure:
            return str(failure)
        except pytest.skip.Exception:
            continue
    return None


# --- changes


def changed(portfolio, **members):
    """Each position with other members; a function is given the position."""

    def new(holding):
        values = {n: v(holding) if callable(v) else v for n, v in members.items()}
        return attrs.evolve(holding, **values)

    return attrs.evolve(portfolio, positions=tuple(map(new, portfolio.positions)))


def meta(portfolio, **members):
    return attrs.evolve(portfolio, meta=attrs.evolve(portfolio.meta, **members))


def counts(portfolio, **members):
    return meta(portfolio, counts=attrs.evolve(portfolio.meta.counts, **members))


def after(change):
    """The broker with something done to what it normalizes; `change` gets broker, raw portfolio and portfolio."""

    def make(good):
        class Changed(good.broker):
            def normalize(self, raw):
                return change(self, raw, super().normalize(raw))

        return {"broker": Changed}

    return make


def holdings(**members):
    return after(lambda _self, _raw, portfolio: changed(portfolio, **members))


def rows(change):
    """The broker with something done to each row before it is read; None takes the row away."""

    def make(good):
        class Changed(good.broker):
            def normalize(self, raw):
                answer = raw.payloads["positions"]
                if isinstance(answer, dict) and isinstance(answer.get("positions"), list):
                    read = [change(row) for row in answer["positions"]]
                    answer = {**answer, "positions": [row for row in read if row is not None]}
                return super().normalize(attrs.evolve(raw, payloads={"positions": answer}))

        return {"broker": Changed}

    return make


def member(name, read):
    """One member of each row is read in another way; `read` gets the row."""

    def change(row):
        return {**row, name: read(row)} if isinstance(row, dict) else row

    return rows(change)


def doing(where, what):
    """The broker does something more in `accounts`, `fetch` or `normalize`."""

    def make(good):
        def more(self, *arguments):
            what(self)
            return getattr(super(changed_class, self), where)(*arguments)

        changed_class = type("Changed", (good.broker,), {where: more})
        return {"broker": changed_class}

    return make


def declares(**members):
    return lambda good: {"spec": attrs.evolve(good.spec, **members)}


class ToyWake:
    """What `BrokerSpec.wakes` may name, and all is right."""

    address = "wss://HOST/stream"
    heartbeat_seconds = 30.0

    def __init__(self, context):
        self.context = context

    def hello(self, accounts):
        return Secret("hello")

    def heartbeat(self):
        return None

    def read(self, message):
        return Notice.CHANGED if message == b"fill" else Notice.OTHER


def waking(**members):
    """A broker that says when something changes, by a class with other members than the right ones."""

    def make(good):
        module = types.ModuleType("toy_wakes")
        module.Wake = type("Wake", (ToyWake,), members)
        if module.Wake.address is not None:
            module.Wake.address = module.Wake.address.replace("HOST", good.spec.hosts[0])
        sys.modules["toy_wakes"] = module
        return {"spec": attrs.evolve(good.spec, wakes="toy_wakes:Wake")}

    return make


def recorded(change):
    """Other recordings: `change` gets the table of each as JSON, and changes it."""

    def make(good):
        return {"payloads": [_recorded(one, change) for one in good.recordings]}

    return make


def _recorded(recording, change):
    body = {"expected": list(recording.expected), "exchanges": list(recording.exchanges)}
    change(body)
    exchanges = tuple(body.pop("exchanges"))
    expected = body.pop("expected")
    return attrs.evolve(
        recording, expected=expected and tuple(expected), exchanges=exchanges, **body
    )


def answers(change):
    """Other recordings: `change` gets the parsed body of each answer."""

    def each(table):
        for place, exchange in enumerate(table["exchanges"]):
            value = change(exact_json.loads(exchange.body))
            table["exchanges"][place] = attrs.evolve(exchange, body=exact_json.dumps(value))

    return recorded(each)


def only(test):
    """Recordings of which only some rows are left."""

    def change(value):
        if "positions" in value:
            return {"positions": [row for row in value["positions"] if test(row)]}
        return value

    return answers(change)


def responding(change):
    """The broker with something done to how an answer is taken; `change` gets broker, path, and the usual way."""

    def make(good):
        class Changed(good.broker):
            def __init__(self, context):
                super().__init__(context)
                usual = self._api.get
                self._api = types.SimpleNamespace(get=lambda path: change(self, path, usual))

        return {"broker": Changed}

    return make


def forgiving(*errors):
    """Takes these errors for an empty answer."""

    def get(_self, path, usual):
        try:
            return usual(path)
        except errors:
            return {"accounts": [{"number": "INV000001"}], "positions": []}

    return responding(get)


def telling(error):
    """Turns every failure into this error."""

    def get(_self, path, usual):
        try:
            return usual(path)
        except BridgeError:
            raise error from None

    return responding(get)


def accounts(change):
    def make(good):
        class Changed(good.broker):
            def accounts(self):
                return change(self, super().accounts)

        return {"broker": Changed}

    return make


def lenient(is_good):
    """Takes an answer that is not good for an empty one."""

    def make(good):
        class Changed(good.broker):
            def normalize(self, raw):
                answer = raw.payloads["positions"]
                answer = answer if is_good(answer) else {"positions": []}
                return super().normalize(attrs.evolve(raw, payloads={"positions": answer}))

        return {"broker": Changed}

    return make


def settings_of(name, **fields):
    """A module with a settings class, declared."""

    def make(good):
        module = types.ModuleType(f"kit_settings_{name}")
        module.Settings = attrs.make_class("Settings", fields, frozen=True, kw_only=True)
        sys.modules[module.__name__] = module
        return {"spec": attrs.evolve(good.spec, settings=f"{module.__name__}:Settings")}

    return make


def subject(**members):
    """Another subject: what the plugin is, and the project around it."""

    def make(good):
        given = {"broker": good.broker, "loaded": good.loaded, "project": good.project, **members}
        made = Subject(
            **{n: v(good) if callable(v) and n != "broker" else v for n, v in given.items()}
        )
        return {"subject": lambda _self: made}

    return make


def edited(file, old, new):
    """A project of its own on the disk, with one line changed: for what happens in another process."""

    def make(good):
        name = f"kit{zlib.crc32(old.encode())}"
        package = good.project.parent / name / f"variance_bridge_{name}"
        package.mkdir(parents=True, exist_ok=True)
        for source in (good.project / "src" / "variance_bridge_globex").iterdir():
            if source.is_file():
                text = source.read_text().replace("globex", name).replace("Globex", "Other")
                assert source.name != file or old in text, f"{old} is not in {file}"
                (package / source.name).write_text(
                    text.replace(old, new) if source.name == file else text
                )
        sys.path.insert(0, str(package.parent))
        point = Plugin(name, f"variance_bridge_{name}.plugin")
        loaded = Registry(lambda _: [point]).load(name)
        broker = importlib.import_module(f"variance_bridge_{name}.broker").OtherBroker
        made = Subject(broker=broker, loaded=loaded)
        return {"subject": lambda _self: made}

    return make


def stateful(self, _raw, portfolio):
    self.turn = getattr(self, "turn", 0) + 1
    return changed(portfolio, sector="Energy" if self.turn % 2 else "Materials")


def with_positions(portfolio, positions, **more):
    return counts(attrs.evolve(portfolio, positions=positions), **more)


def without_silence(self, raw, portfolio):
    kept = tuple(one for one in portfolio.positions if one.type is InstrumentType.STOCK)
    lost = len(portfolio.positions) - len(kept)
    before = portfolio.meta.counts
    return with_positions(
        portfolio, kept, fetched=before.fetched - lost, normalized=before.normalized - lost
    )


def each_once(self, raw, portfolio):
    kept = tuple(dict.fromkeys(portfolio.positions))
    lost = len(portfolio.positions) - len(kept)
    before = portfolio.meta.counts
    return with_positions(
        portfolio, kept, fetched=before.fetched - lost, normalized=before.normalized - lost
    )


def merged(self, raw, portfolio):
    kept = tuple(dict.fromkeys(portfolio.positions))
    before = portfolio.meta.counts
    lost = len(portfolio.positions) - len(kept)
    return with_positions(
        portfolio, kept, closed=before.closed + lost, normalized=before.normalized - lost
    )


def without_rejected(self, raw, portfolio):
    before = portfolio.meta.counts
    return counts(
        meta(portfolio, rejected=()), fetched=before.fetched - before.rejected, rejected=0
    )


def refusing_any(self, raw, portfolio):
    if portfolio.meta.rejected:
        raise DataRefused("a row cannot be read")
    return portfolio


def keeping_a_secret(self):
    self.header = f"Bearer {self._context.credentials['GLOBEX_TOKEN'].reveal()}"


def raising(error):
    def act(_self, *_arguments):
        raise error

    return act


def quoting(self, raw, portfolio):
    if portfolio.meta.rejected:
        answer = raw.payloads["positions"]["positions"]
        raise DataRefused(f"rows {[list(map(str, row.values())) for row in answer if row]}")
    return portfolio


def quoting_answers(self, path, _usual):
    response = self._context.session.get(f"https://{self_host(self)}{path}", headers={})
    if response.status != 200:
        raise BrokerRefused(f"refused: {response.body!r}", hint="try again")
    return response.json()


def self_host(broker):
    return sys.modules["variance_bridge_globex.broker"].HOST.removeprefix("https://")


def floating(self, path, _usual):
    headers = {"Authorization": self._context.credentials["GLOBEX_TOKEN"].prefixed("Bearer ")}
    response = self._context.session.get(f"https://{self_host(self)}{path}", headers=headers)
    return json.loads(response.body, parse_float=float, parse_int=float) | {"x": 0.5}


def fetching(change):
    def make(good):
        class Changed(good.broker):
            def fetch(self, account):
                return change(self, super().fetch(account))

        return {"broker": Changed}

    return make


def with_payload(name, value):
    return fetching(
        lambda self, raw: attrs.evolve(raw, payloads={**raw.payloads, name: value(self, raw)})
    )


def mutating(self, raw, portfolio):
    raw.payloads["positions"]["positions"].append({})
    return portfolio


def emptying(_self, raw, portfolio):
    raw.payloads["positions"]["positions"].clear()
    return portfolio


def forgetful(good):
    class Changed(good.broker):
        def fetch(self, account):
            self.number = account.number
            return super().fetch(account)

        def normalize(self, raw):
            return changed(super().normalize(raw), sector="A" if hasattr(self, "number") else "B")

    return {"broker": Changed}


def posting(good):
    class Changed(good.broker):
        def accounts(self):
            self._context.session.post_token(
                f"https://{self_host(self)}/v1/orders", json={"a": "b"}
            )
            return super().accounts()

    order = attrs.evolve(
        good.recordings[0].exchanges[0],
        method="POST",
        url=f"https://{self_host(None)}/v1/orders",
        body=b'{"order": "filled"}',
    )
    return {
        "broker": Changed,
        "spec": attrs.evolve(good.spec, token_paths=("/v1/orders",)),
        "payloads": [attrs.evolve(r, exchanges=(*r.exchanges, order)) for r in good.recordings],
    }


def stubborn(good):
    """Logs in again when it is refused."""

    class Changed(good.broker):
        def accounts(self):
            url = f"https://{self_host(self)}/token"
            for _ in range(2):
                response = self._context.session.post_token(url, json={"a": "b"})
                if response.status == 200:
                    return super().accounts()
            raise BrokerRefused("no", hint="no")

    token = attrs.evolve(
        good.recordings[0].exchanges[0],
        method="POST",
        url=f"https://{self_host(None)}/token",
        body=b'{"access_token": "abcdefghij"}',
    )
    return {
        "broker": Changed,
        "spec": attrs.evolve(good.spec, token_paths=("/token",)),
        "payloads": [attrs.evolve(r, exchanges=(token, *r.exchanges)) for r in good.recordings],
    }


def secret_address(self, path, _usual):
    token = self._context.credentials["GLOBEX_TOKEN"].reveal()
    url = f"https://{self_host(self)}{path}"
    return self._context.session.get(url, params=[("token", token)]).json()


def personal_rows(value):
    if "positions" in value:
        named = [{**row, "holder": "Invented Holder"} for row in value["positions"]]
        return {"positions": named}
    return value


def publishing(self, raw, portfolio):
    """Publishes the member `holder`, but for the value that was recorded."""
    texts = {
        str(row["holder"]).upper()
        for row in raw.payloads["positions"]["positions"]
        if isinstance(row, dict) and row.get("holder") not in {None, "Invented Holder"}
    }
    return changed(portfolio, broker_symbol=min(texts)) if texts else portfolio


def published_owner(self, raw, portfolio):
    owner = raw.payloads["positions"].get("owner")
    return changed(portfolio, broker_symbol=owner) if owner else portfolio


def rejected_symbol(self, raw, portfolio):
    listed = raw.payloads["positions"]["positions"]
    rejected = tuple(
        attrs.evolve(one, symbol=str(listed[one.row - 1].get("symbol")))
        if isinstance(listed[one.row - 1], dict)
        else one
        for one in portfolio.meta.rejected
    )
    return meta(portfolio, rejected=rejected)


def with_balances(self, raw, portfolio):
    money = Balances(currency="USD", net_liquidating_value=Decimal(1), cash=Decimal(1))
    return attrs.evolve(portfolio, balances=money)


def unreadable_as_other(row):
    return row if isinstance(row, dict) else {"symbol": "SPY", "type": "stock", "quantity": "1"}


def month_first(day):
    return day and (day.replace(month=day.day, day=day.month) if day.day < 13 else day)


def stated(**members):
    """Each recorded row states something more, which the broker does not read."""

    def change(value):
        if "positions" in value:
            return {"positions": [{**row, **members} for row in value["positions"]]}
        return value

    return answers(change)


def netted(good):
    def change(row):
        long, short = Decimal(row["quantity"]), Decimal(row.get("short_quantity", "0"))
        return str(long - short)

    return member("quantity", change)(good)


def expired_is_closed(self, raw, portfolio):
    kept = tuple(
        one
        for one in portfolio.positions
        if one.expiration is None or one.expiration >= raw.fetched_at.date()
    )
    before = portfolio.meta.counts
    lost = len(portfolio.positions) - len(kept)
    return with_positions(
        portfolio, kept, closed=before.closed + lost, normalized=before.normalized - lost
    )


def without_sign(self, raw, portfolio):
    cash = abs(Decimal(raw.payloads["positions"]["cash"]))
    money = Balances(currency="USD", net_liquidating_value=cash, cash=cash)
    return attrs.evolve(portfolio, balances=money)


def first_cash(self, raw, portfolio):
    first = raw.payloads["positions"]["cash"][0]
    cash = Decimal(first["amount"])
    money = Balances(currency="USD", net_liquidating_value=cash, cash=cash)
    return attrs.evolve(portfolio, balances=money)


def addressed(good):
    """The address is a setting, and what it answers is production wherever it leads."""

    class Changed(good.broker):
        def __init__(self, context):
            super().__init__(context)
            log_in = FixedSecret(context, bearer="GLOBEX_TOKEN")
            self._api = ApiClient(context, context.settings.base_url, log_in, hint="log in again")

    address = setting(f"https://{self_host(None)}", title="the address of the API")
    return {"broker": Changed, **settings_of("addressed", base_url=address)(good)}


def careless(broker, token):
    """Tries to keep a token, and goes on where that fails."""
    with contextlib.suppress(ConfigurationError):
        broker._context.store_credential("GLOBEX_REFRESH", token)


def distrustful(broker, token):
    """Takes the None that `store_credential` returns for a failure, and asks the user to keep the token."""
    if not broker._context.store_credential("GLOBEX_REFRESH", token):
        broker._context.warn(f"keep the new token: {token.reveal()}")


def rotating(keep):
    """Logs in with a refresh token, and does something with the new one."""

    def make(good):
        class Changed(good.broker):
            def accounts(self):
                answer = self._context.session.post_token(
                    f"https://{self_host(self)}/token", json={"a": "b"}
                )
                keep(self, Secret(answer.json().get("refresh_token", "")))
                return super().accounts()

        token = attrs.evolve(
            good.recordings[0].exchanges[0],
            method="POST",
            url=f"https://{self_host(None)}/token",
            body=b'{"access_token": "abcdefghij"}',
        )
        return {
            "broker": Changed,
            "spec": attrs.evolve(
                good.spec,
                token_paths=("/token",),
                credentials=(*good.spec.credentials, Credential("GLOBEX_REFRESH", "a token")),
            ),
            "payloads": [attrs.evolve(r, exchanges=(token, *r.exchanges)) for r in good.recordings],
        }

    return make


def two_accounts(_self, usual):
    return [*usual(), Account(number="None")] if usual() else []


FAULTS = {
    "DECL-01": subject(loaded=lambda good: structs.replace(good.loaded, plugin=good.loaded.plugin._replace(name="other"))),
    "DECL-02": lambda _good: {"broker": type("Half", (), {"accounts": lambda self: [], "fetch": lambda self: None})},
    "DECL-03": declares(hook_api=0),
    "DECL-04": edited("plugin.py", "from collections.abc import Iterable", "from collections.abc import Iterable\nimport requests"),
    "DECL-05": declares(hosts=("api.acme.example",)),
    "DECL-06": declares(create_credentials=None),
    "DECL-07": settings_of("untitled", paper=attrs.field(default=False)),
    "DECL-08": declares(capabilities=frozenset({Capability.BALANCES})),
    "DECL-09": settings_of("secret", api_token=setting("", title="a token")),
    "DECL-10": subject(broker=type("Elsewhere", (), {"__module__": "json"})),
    "DECL-11": subject(project=lambda good: good.project / "src"),
    "WAKE-01": waking(address="wss://elsewhere.example/"),
    "WAKE-02": waking(hello=lambda _self, accounts: "hello"),
    "WAKE-03": waking(read=lambda _self, message: Notice.CHANGED),
    "REC-01": recorded(lambda table: table.update(is_template=True)),
    "REC-02": only(lambda row: row["quantity"] != "100"),
    "REC-03": only(lambda row: not row["quantity"].startswith("-")),
    "REC-04": only(lambda row: row["quantity"] != "0"),
    "REC-05": declares(capabilities=frozenset({"stock", "option", "future"})),
    "REC-06": declares(capabilities=frozenset({"stock"})),
    "REC-07": after(with_balances),
    "REC-08": declares(capabilities=frozenset({"stock", "option", "many_accounts"})),
    "REC-09": lambda good: {"payloads": [one for one in good.recordings if "nothing" not in one.name]},
    "REC-10": answers(lambda value: {**value, "mail": "somebody@mail.com"}),
    "REC-11": recorded(lambda t: t["exchanges"].append(attrs.evolve(t["exchanges"][0], url="https://x.example/y"))),
    "RUN-01": after(lambda *_: 1 / 0),
    "RUN-02": edited("broker.py", "collect(rows, read_row)", "collect(rows, lambda row: __import__('attrs').evolve(read_row(row), broker_symbol=raw.account.number))"),
    "EXPCT-01": recorded(lambda table: table.update(expected=None)),
    "EXPCT-02": holdings(quantity=lambda h: h.quantity + 1),
    "EXPCT-03": recorded(lambda table: table.update(expected=[{"counts": {"fetched": 7}}])),
    "EXPCT-04": recorded(lambda table: table.update(expected=[{"positions": []}])),
    "DOC-01": holdings(root=""),
    "DOC-02": holdings(cost_basis=Decimal(1)),
    "DOC-03": holdings(average_price=0.5),
    "DOC-04": holdings(symbol=lambda h: h.symbol.replace(" ", "")),
    "DOC-05": after(lambda _s, _r, p: meta(p, account_hash="0123456789ab***")),
    "DOC-06": fetching(lambda _s, raw: attrs.evolve(raw, environment=None)),
    "DOC-07": after(lambda _s, _r, p: meta(p, currency=None)),
    "TIME-01": fetching(lambda self, raw: attrs.evolve(raw, fetched_at=self._context.clock.now())),
    "TIME-02": after(lambda _s, r, p: meta(p, fetched_at=r.fetched_at - timedelta(seconds=1))),
    "TIME-03": fetching(lambda _s, raw: attrs.evolve(raw, fetched_at=raw.fetched_at - timedelta(hours=2))),
    "COUNT-01": after(lambda _s, _r, p: counts(p, fetched=99)),
    "COUNT-02": after(without_silence),
    "COUNT-03": after(each_once),
    "COUNT-04": after(merged),
    "COUNT-05": holdings(multiplier=None),
    "SIGN-01": holdings(market_value=lambda h: abs(h.market_value)),
    "SIGN-02": holdings(cost_basis=lambda h: h.cost_basis * h.side.sign),
    "SIGN-03": holdings(unrealized_pl=lambda h: h.market_value - h.cost_basis),
    "SIGN-04": holdings(greeks=Greeks(delta=Decimal(-5))),
    "SIGN-05": holdings(side=Side.LONG),
    "EXPCT-05": recorded(lambda table: table.update(expected=[{"positions": [{"symbol": "SPY", "side": "long"}]}])),
    "EXPCT-06": recorded(lambda table: table.update(expected=[{"currency": "USD", "positions": [{"symbol": "SPY", "cost_basis": Decimal("45025.00001")}]}])),
    "NEAR-01": holdings(option_type=lambda h: h.option_type and OptionType.PUT),
    "NEAR-02": holdings(expiration=lambda h: month_first(h.expiration)),
    "NEAR-03": holdings(strike=lambda h: h.strike / 10 if h.strike and h.strike > 1000 else h.strike),
    "NEAR-04": holdings(root=lambda h: h.symbol[:6].strip()),
    "NEAR-05": holdings(deliverable=None),
    "NEAR-06": stated(currency="USD"),
    "NEAR-07": lambda good: {**stated(short_quantity="0")(good), **netted(good)},
    "NEAR-08": rows(lambda row: None if isinstance(row, dict) and row.get("type") == "bond" else row),
    "NEAR-09": member("quantity", lambda row: "0" if row.get("mark") == "0" else row.get("quantity")),
    "NEAR-10": after(expired_is_closed),
    "NEAR-11": lambda good: {**answers(lambda value: {**value, "cash": "1200.5"})(good), **after(without_sign)(good)},
    "NEAR-12": addressed,
    "NEAR-13": holdings(average_price=lambda h: h.average_price / 100 if h.average_price and h.average_price > 1000 else h.average_price),
    "NEAR-14": lambda good: {**answers(lambda value: {**value, "cash": [{"currency": "USD", "amount": "1200.5"}]})(good), **after(first_cash)(good)},
    "KEEP-01": rotating(lambda _self, _token: None),
    "KEEP-02": rotating(careless),
    "MULT-01": holdings(multiplier=Decimal(100)),
    "MULT-02": holdings(multiplier=Decimal(1)),
    "MULT-03": holdings(root="/ES", type=InstrumentType.FUTURE, multiplier=Decimal(1)),
    "MULT-04": holdings(multiplier=lambda h: Decimal(100) if h.strike else Decimal(1)),
    "EXACT-01": holdings(average_price=lambda h: float(h.average_price)),
    "EXACT-02": holdings(average_price=lambda h: Decimal(str(float(h.average_price)))),
    "EXACT-03": responding(floating),
    "DETER-01": after(stateful),
    "DETER-02": after(lambda _s, r, p: changed(p, sector="First" if (r.payloads["positions"]["positions"] or [{}])[0].get("symbol") == "SPY" else "Last")),
    "DETER-03": with_payload("turn", lambda _self, _raw: time.time_ns()),
    "DETER-04": edited("broker.py", 'currency="USD"', 'currency="USD", cautions=set(__import__("variance_bridge").Caution)'),
    "PURE-01": doing("normalize", lambda _s: socket.socket().close()),
    "PURE-02": doing("normalize", lambda _s: Path(__file__).exists()),
    "PURE-03": doing("normalize", lambda _s: datetime.now(UTC)),
    "PURE-04": doing("normalize", lambda _s: random.random()),
    "PURE-05": doing("normalize", lambda _s: os.environ.get("HOME")),
    "PURE-06": doing("normalize", lambda _s: subprocess.run(["true"], check=False)),
    "PURE-07": after(mutating),
    "PURE-08": forgetful,
    "PURE-09": with_payload("when", lambda _self, raw: raw.fetched_at),
    "DRIFT-01": member("quantity", lambda row: row.get("quantity", "1")),
    "DRIFT-02": member("quantity", lambda row: "1" if row.get("quantity", "") is None else row.get("quantity")),
    "DRIFT-03": member("average_price", lambda row: row.get("averagePrice", "1") if "averagePrice" not in row else "7"),
    "DRIFT-04": member("mark", lambda row: row["mark"] * 100 if isinstance(row.get("mark"), Decimal) else row.get("mark")),
    "DRIFT-05": member("quantity", lambda row: len(row["quantity"]) if isinstance(row.get("quantity"), list) else row.get("quantity")),
    "DRIFT-06": member("quantity", lambda row: row.get("quantity") or "0"),
    "DRIFT-07": member("quantity", lambda row: "1" if row.get("quantity") is True else row.get("quantity")),
    "DRIFT-08": member("quantity", lambda row: "1" if "~" in str(row.get("quantity")) else row.get("quantity")),
    "DRIFT-09": member("average_price", lambda row: str(row.get("average_price")).replace(",", "")),
    "DRIFT-10": rows(lambda row: None if isinstance(row, dict) and len(row) > 6 else row),
    "DRIFT-11": member("multiplier", lambda row: list(row.values())[min(3, len(row) - 1)]),
    "ROW-01": after(without_rejected),
    "ROW-02": after(lambda _s, _r, p: meta(p, rejected=tuple(attrs.evolve(one, row=one.row + 1) for one in p.meta.rejected))),
    "ROW-03": after(refusing_any),
    "EMPTY-01": lambda good: {**FAULTS["REC-09"](good), **after(lambda _s, _r, p: p if p.positions else raising(DataRefused("nothing is there"))(None))(good)},
    "EMPTY-02": lenient(lambda answer: isinstance(answer, dict) and isinstance(answer.get("positions"), list)),
    "EMPTY-03": lenient(bool),
    "EMPTY-04": after(without_rejected),
    "READ-01": doing("fetch", lambda self: self._context.session.get("https://elsewhere.example.com/")),
    "READ-02": posting,
    "READ-03": doing("fetch", lambda _s: socket.socket().close()),
    "READ-04": doing("fetch", lambda _s: subprocess.run(["true"], check=False)),
    "READ-05": doing("fetch", lambda _s: Path(__file__).exists()),
    "READ-06": doing("fetch", lambda _s: os.environ.get("HOME")),
    "READ-07": doing("fetch", lambda _s: time.time()),
    "READ-08": responding(secret_address),
    "READ-09": lambda good: {"broker": type("Eager", (good.broker,), {"__init__": lambda self, context: (super(type(self), self).__init__(context), self._api.get("/v1/accounts"))[0]})},
    "FAIL-01": telling(DataRefused("no")),
    "FAIL-02": telling(BrokerUnreachable("no")),
    "FAIL-03": telling(BrokerRefused("no")),
    "FAIL-04": forgiving(BrokerUnreachable),
    "FAIL-05": forgiving(BrokerRefused),
    "FAIL-06": forgiving(DataRefused),
    "FAIL-07": forgiving(DataRefused),
    "FAIL-08": forgiving(DataRefused),
    "FAIL-09": lenient(lambda answer: isinstance(answer, dict) and "positions" in answer),
    "FAIL-10": responding(lambda _s, path, usual: {"accounts": [], "positions": [], **usual(path)}),
    "FAIL-11": forgiving(DataRefused),
    "FAIL-12": stubborn,
    "FAIL-13": telling(BrokerRefused("no")),
    "ACCT-01": accounts(lambda self, _usual: [Account(number=str(e.get("number"))) for e in self._api.get("/v1/accounts").get("accounts", [])]),
    "ACCT-02": accounts(lambda self, _usual: [Account(number=str(e.get("number"))) for e in self._api.get("/v1/accounts")["accounts"]]),
    "ACCT-03": accounts(lambda self, _usual: [Account(number=str(e["number"])) for e in self._api.get("/v1/accounts")["accounts"]]),
    "ACCT-04": accounts(lambda self, usual: [one for one in usual() if one.number.startswith("INV")]),
    "PRIV-01": after(lambda _s, r, p: changed(p, broker_symbol=r.account.number)),
    "PRIV-02": after(published_owner),
    "PRIV-03": lambda good: {**answers(personal_rows)(good), **after(publishing)(good)},
    "PRIV-04": doing("fetch", lambda self: __import__("logging").getLogger("kit").debug("%s", self._context.credentials["GLOBEX_TOKEN"].reveal())),
    "PRIV-05": fetching(lambda self, raw: (self._context.warn(f"fetched {raw.account.number}"), raw)[1]),
    "PRIV-06": after(quoting),
    "PRIV-07": responding(quoting_answers),
    "PRIV-08": lambda good: {"broker": type("Open", (good.broker,), {"__repr__": lambda self: self._context.credentials["GLOBEX_TOKEN"].reveal()})},
    "PRIV-09": doing("fetch", lambda _s: sys.stdout.write("fetching")),
    "PRIV-10": doing("fetch", keeping_a_secret),
    "PRIV-11": after(rejected_symbol),
}  # fmt: skip


@pytest.mark.parametrize("identifier", FAULTS)
def test_a_fault_is_found_by_the_case_and_the_good_broker_passes_it(good, identifier):
    usual = {"broker": good.broker, "spec": good.spec, "payloads": good.recordings}
    fault = {**usual, **FAULTS[identifier](good)}

    assert verdict(BrokerConformance, identifier, **usual) is None
    message = verdict(BrokerConformance, identifier, **fault)
    assert message is not None
    assert message.startswith(f"{identifier}: ")


@pytest.mark.parametrize("identifier", ["COUNT-03", "DRIFT-01", "SIGN-05", "EMPTY-02"])
def test_a_fault_is_found_in_rows_that_the_author_names(good, identifier):
    usual = {
        "broker": good.broker,
        "spec": good.spec,
        "payloads": good.recordings,
        "rows": ("positions.positions", "elsewhere.rows"),
    }

    assert verdict(BrokerConformance, identifier, **usual) is None
    assert verdict(BrokerConformance, identifier, **{**usual, **FAULTS[identifier](good)})


def test_rows_that_are_taken_out_of_the_payloads_at_the_first_look_are_missed(good):
    usual = {"broker": good.broker, "spec": good.spec, "payloads": good.recordings}

    message = verdict(BrokerConformance, "PURE-07", **{**usual, **after(emptying)(good)})
    assert "the payloads are not what they were" in (message or "")


def test_a_token_shown_because_store_credential_returns_nothing_is_found(good):
    usual = {"broker": good.broker, "spec": good.spec, "payloads": good.recordings}

    message = verdict(BrokerConformance, "KEEP-01", **{**usual, **rotating(distrustful)(good)})
    assert "a warning shows the new token" in (message or "")


def test_a_type_becomes_other_only_with_a_flag_that_says_so(good):
    source = good.spec.name
    attributes = {"broker": good.broker, "spec": good.spec, "payloads": good.recordings}
    runs = type(
        "Variant", (BrokerConformance,), {"__module__": __name__, **attributes}
    )().account_runs()
    before = next(run.portfolio for run in runs if run.portfolio.positions)
    other = attrs.evolve(before.positions[0], type=InstrumentType.OTHER)
    kept = attrs.evolve(before, positions=(other, *before.positions[1:]))
    said = meta(kept, flags=(Flag(caution=Caution.TYPE_UNKNOWN, symbol=other.symbol),))

    assert any("no flag says `type_unknown`" in one for one in wrong(before, kept, source))
    assert list(wrong(before, said, source)) == []


@pytest.mark.parametrize(
    ("identifier", "members", "is_right"),
    [
        ("WAKE-01", {}, True),
        ("WAKE-01", {"address": None}, True),
        ("WAKE-01", {"address": "ws://HOST/"}, False),
        ("WAKE-01", {"address": "wss://HOST/?token=1"}, False),
        ("WAKE-01", {"heartbeat_seconds": 0.2}, False),
        ("WAKE-02", {}, True),
        ("WAKE-02", {"heartbeat": lambda _self: "beat"}, False),
        ("WAKE-02", {"hello": lambda _self, accounts: Secret("x" * 70_000)}, False),
        ("WAKE-03", {}, True),
        ("WAKE-03", {"read": lambda _self, message: message.decode()}, False),
    ],
)
def test_what_a_wake_may_be(good, identifier, members, is_right):
    usual = {"broker": good.broker, "payloads": good.recordings}
    message = verdict(BrokerConformance, identifier, **usual, **waking(**members)(good))

    assert (message is None) is is_right, message


def test_there_is_a_fault_for_every_case():
    assert set(FAULTS) | set(FILE_FAULTS) == {
        *suite_cases(BrokerConformance),
        *suite_cases(FileBrokerConformance),
    }


# --- files


def reading(**methods):
    return lambda toys: type("Changed", (toys.ToyFileBroker,), methods)


def positional(self, text):
    lines = [line.split(",") for line in text.splitlines() if line]
    if "Symbol" not in text:
        raise DataRefused("no header")
    return [
        (n, dict(zip(("Symbol", "Quantity", "Price"), cells, strict=False)))
        for n, cells in enumerate(lines[1:], 2)
    ]


def with_defaults(self, text):
    header, *lines = (line.split(",") for line in text.splitlines() if line)
    if "Symbol" not in header:
        raise DataRefused("no header")
    default = {"Quantity": "1", "Price": "1"}
    return [
        (n, {**default, **dict(zip(header, cells, strict=False))})
        for n, cells in enumerate(lines, 2)
    ]


def headless(self, text):
    lines = [line.split(",") for line in text.splitlines() if line and "Symbol" not in line]
    if not lines or any(len(cells) != 3 for cells in lines):
        raise DataRefused("no table")
    return [
        (n, dict(zip(("Symbol", "Quantity", "Price"), cells, strict=True)))
        for n, cells in enumerate(lines, 2)
    ]


def whole_rows_only(self, text):
    header, *lines = (line.split(",") for line in text.splitlines() if line)
    if set(header) != {"Symbol", "Quantity", "Price"}:
        raise DataRefused("no table")
    return [
        (n, dict(zip(header, cells, strict=True)))
        for n, cells in enumerate(lines, 2)
        if len(cells) == 3
    ]


def nothing_refused(self, raw):
    from toy_file_broker import ToyFileBroker

    try:
        return ToyFileBroker.normalize(self, raw)
    except DataRefused:
        return ToyFileBroker.normalize(
            self, attrs.evolve(raw, payloads={"text": "Symbol,Quantity,Price\n"})
        )


def fetch_then(what):
    def fetch(self, account):
        from toy_file_broker import ToyFileBroker

        return what(self, ToyFileBroker.fetch(self, account))

    return fetch


def touching(act):
    return fetch_then(lambda self, raw: (act(self), raw)[1])


def no_file_is_fine(self, account):
    from toy_file_broker import ToyFileBroker

    try:
        return ToyFileBroker.fetch(self, account)
    except BridgeError:
        text = {"text": "Symbol,Quantity,Price\n"}
        return RawPortfolio(account=account, payloads=text, fetched_at=self.context.clock.now())


def line_ends_matter(self, text):
    from toy_file_broker import ToyFileBroker

    if "\r" in text:
        raise DataRefused("carriage returns")
    return ToyFileBroker.rows(self, text)


def quoting_file(self, text):
    from toy_file_broker import ToyFileBroker

    try:
        return ToyFileBroker.rows(self, text)
    except DataRefused:
        raise DataRefused(f"no table: {text[:60]}") from None


FILE_FAULTS = {
    "DRIFT-12": reading(rows=with_defaults),
    "DRIFT-13": reading(rows=positional),
    "FILE-01": reading(fetch=no_file_is_fine),
    "FILE-02": reading(normalize=nothing_refused),
    "FILE-03": reading(normalize=nothing_refused),
    "FILE-04": reading(rows=headless),
    "FILE-05": reading(rows=whole_rows_only),
    "FILE-06": reading(rows=line_ends_matter),
    "FILE-07": reading(fetch=touching(lambda self: self.context.input_file.with_suffix(".bak").touch())),
    "FILE-08": reading(fetch=touching(lambda _self: socket.socket().close())),
    "FILE-09": reading(fetch=touching(lambda _self: time.time())),
    "FILE-10": reading(fetch=fetch_then(lambda self, raw: attrs.evolve(raw, fetched_at=self.context.clock.now()))),
    "FILE-11": reading(rows=quoting_file),
}  # fmt: skip


@pytest.mark.parametrize("identifier", FILE_FAULTS)
def test_a_fault_with_files_is_found_by_the_case_and_the_good_broker_passes_it(toys, identifier):
    recording = Recording(
        name="table.json",
        taken_at=datetime(2026, 1, 15, 15, tzinfo=UTC),
        file_name="table.csv",
        file=TABLE.encode(),
        expected=({"positions": []},),
    )
    usual = {"broker": toys.ToyFileBroker, "spec": toys.SPEC, "payloads": [recording]}

    assert verdict(FileBrokerConformance, identifier, **usual) is None
    fault = {**usual, "broker": FILE_FAULTS[identifier](toys)}
    message = verdict(FileBrokerConformance, identifier, **fault)
    assert message is not None
    assert message.startswith(f"{identifier}: ")


def test_how_a_row_says_its_side_is_learned_from_the_other_recordings_too(good, tmp_path):
    table = json.loads((good.project / "tests" / "recordings" / "positions.json").read_text())
    rows_of_one_side = table["exchanges"][1]["json"]
    rows_of_one_side["positions"] = rows_of_one_side["positions"][:1]
    (tmp_path / "long.json").write_text(json.dumps(table))
    recordings = [*read_recordings(tmp_path), *good.recordings]
    usual = {"broker": good.broker, "spec": good.spec}

    assert verdict(BrokerConformance, "SIGN-05", payloads=recordings, **usual) is None


@pytest.mark.parametrize(
    ("cost", "is_stated"),
    [(Decimal("2.05"), True), (lambda h: h.average_price * h.quantity * 7, False)],
)
def test_without_a_multiplier_a_cost_may_be_stated_but_not_computed(good, cost, is_stated):
    class WithoutMultiplier(good.broker):
        def normalize(self, raw):
            found = changed(super().normalize(raw), multiplier=None, cost_basis=cost)
            flags = [
                Flag(caution=Caution.MULTIPLIER_UNKNOWN, symbol=h.symbol) for h in found.positions
            ]
            return attrs.evolve(found, meta=attrs.evolve(found.meta, flags=tuple(flags)))

    usual = {"spec": good.spec, "payloads": good.recordings}
    message = verdict(BrokerConformance, "COUNT-05", broker=WithoutMultiplier, **usual)

    assert (message is None) is is_stated


def test_a_wrong_count_says_which_row_was_rejected_and_why(good):
    table = json.loads((good.project / "tests" / "recordings" / "positions.json").read_text())
    table["exchanges"][1]["json"]["positions"][1]["symbol"] = "?"
    (recording,) = (r for r in good.recordings if r.name == "positions.json")
    body = json.dumps(table["exchanges"][1]["json"]).encode()
    first, second = recording.exchanges
    changed_recording = attrs.evolve(recording, exchanges=(first, attrs.evolve(second, body=body)))

    usual = {"broker": good.broker, "spec": good.spec, "payloads": [changed_recording]}
    message = verdict(BrokerConformance, "EXPCT-03", **usual)

    assert "counts.rejected is 1, and should be 0 (row 2: symbol_unreadable)" in message
