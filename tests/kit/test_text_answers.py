"""A broker whose answers are XML is put through every case of the kit, as one whose answers are JSON is."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import attrs
import pytest

from variance_bridge import Account, BrokerSpec, DataRefused, Environment, RawPortfolio
from variance_bridge.broker import Credential
from variance_bridge.errors import BrokerRefused
from variance_bridge.rows import CLOSED, collect, holding, side_of
from variance_bridge.symbology import InstrumentType
from variance_bridge.testing import BrokerConformance, Exchange, Recording
from variance_bridge.testing.case_decorator import case_id
from variance_bridge.testing.payloads import xml_trees

HOST = "https://flex.globex.example.com"
ROWS = """<Row symbol="SPY" type="STK" quantity="100" price="450.25" mark="460.5" description="X"/>
<Row symbol="SPY   260320P00440000" type="OPT" quantity="-2" price="3.15" mark="2.05" multiplier="100" description="X"/>
<Row symbol="F" type="STK" quantity="0" price="12.1" mark="11.9" description="X"/>"""
TYPES = {"STK": InstrumentType.STOCK, "OPT": InstrumentType.OPTION}


def statement(rows):
    return f'<Statement account="INV000001">\n<Rows>{rows}</Rows>\n</Statement>'


class XmlBroker:
    """Reads a statement that is asked for with a token in the query."""

    def __init__(self, context):
        self._context = context

    def accounts(self):
        number = self._root(self._get("/accounts"), "Accounts").get("number")
        if not number:
            raise DataRefused("the answer has no account", hint="try again")
        return [Account(number=number)]

    def fetch(self, account):
        moment = self._context.clock.now()
        return RawPortfolio(
            account=account,
            payloads={"statement": self._get("/statement")},
            fetched_at=moment,
            environment=Environment.PRODUCTION,
        )

    def normalize(self, raw):
        rows = self._root(raw.payloads["statement"], "Statement").find("Rows")
        if rows is None:
            raise DataRefused("the statement has no list of rows", hint="try again")
        read = collect([dict(row.attrib) for row in rows.iter("Row")], self._row)
        return read.portfolio(raw, source="xml", currency="USD")

    def _row(self, row):
        quantity = row.quantity("quantity")
        if quantity == 0:
            return CLOSED
        kind = row.instrument_type("type", TYPES)
        return holding(
            row,
            row.instrument("symbol", kind),
            side_of(quantity),
            quantity,
            multiplier=row.multiplier("multiplier", kind),
            average_price=row.number("price"),
            mark=row.number("mark"),
        )

    def _root(self, text, tag):
        try:
            root = ET.fromstring(text)
        except (ET.ParseError, TypeError):
            raise DataRefused("the answer is not XML", hint="try again") from None
        if root.tag != tag:
            raise DataRefused("the answer is another document", hint="try again")
        return root

    def _get(self, path):
        token = self._context.credentials["XML_TOKEN"]
        response = self._context.session.get(HOST + path, params=[("t", token)])
        if response.status in (401, 403):
            raise BrokerRefused("the token is not accepted", hint="make a new one")
        if response.status != 200:
            raise DataRefused("the answer has another status", hint="try again")
        return response.body.decode("utf-8", "replace")


SPEC = BrokerSpec(
    name="xml",
    slug="xml",
    title="Xml",
    broker=f"{__name__}:XmlBroker",
    hosts=(HOST.removeprefix("https://"),),
    credentials=(Credential("XML_TOKEN", "a token"),),
    capabilities=frozenset({"stock", "option"}),
    create_credentials="Make it in your settings.",
    credential_in_query=True,
)


def recording(name, rows, positions):
    answers = {"/accounts": '<Accounts number="INV000001"/>', "/statement": statement(rows)}
    return Recording(
        name=name,
        taken_at=datetime(2026, 1, 15, 15, tzinfo=UTC),
        exchanges=tuple(
            Exchange(method="GET", url=f"{HOST}{path}?t=invented", body=body.encode())
            for path, body in answers.items()
        ),
        expected=({"currency": "USD", "positions": positions},),
    )


EXPECTED = [
    {"symbol": "SPY", "side": "long", "quantity": 100, "cost_basis": 45025},
    {"symbol": "SPY   260320P00440000", "side": "short", "quantity": 2, "cost_basis": 630},
]
RECORDINGS = [recording("rows.json", ROWS, EXPECTED), recording("nothing.json", "", [])]


def cases_of(suite):
    """Each case with its arguments, by its ID."""
    for name in dir(suite):
        if case_id(test := getattr(suite, name)):
            marks = getattr(test, "pytestmark", [])
            yield case_id(test), name, (marks[0].args[1] if marks else [None])


def outcomes(broker, spec=SPEC):
    """The IDs of the cases that fail, with what they say."""
    members = {"broker": broker, "payloads": RECORDINGS, "spec": spec, "__module__": __name__}
    suite = type("Suite", (BrokerConformance,), members)
    failed = {}
    for identifier, name, values in cases_of(suite):
        for value in values:
            try:
                getattr(suite(), name)(*([] if value is None and len(values) == 1 else [value]))
            except pytest.fail.Exception as failure:
                failed[identifier] = str(failure)
            except pytest.skip.Exception:
                pass
    return failed


def test_a_good_broker_of_xml_passes_every_case():
    failed = outcomes(XmlBroker)

    assert failed.keys() - {"DECL-10"} == set(), failed  # a module of tests ships no types


def test_the_faults_of_a_broker_of_xml_are_found():
    class Faulty(XmlBroker):
        def _root(self, text, tag):
            root = super()._root(text, tag)
            for row in root.iter("Row"):
                row.set("quantity", row.get("quantity", "1"))
            return root

    assert {"DRIFT-01", "DRIFT-03"} <= outcomes(Faulty).keys()


def test_a_credential_in_the_query_is_a_failure_where_it_is_not_declared():
    assert "READ-08" in outcomes(XmlBroker, attrs.evolve(SPEC, credential_in_query=False))


def test_xml_is_written_as_it_was_read():
    tree = xml_trees.parse(statement(ROWS))

    assert xml_trees.parse(xml_trees.render(tree)) == tree
    assert (
        xml_trees.parse(xml_trees.render({"a b": {"@x\0": "\0", "b": [None, True, 7]}})) is not None
    )
    assert [row["@symbol"] for row in tree["Statement"]["Rows"][0]["Row"]][::2] == ["SPY", "F"]


@pytest.mark.parametrize("text", ["", "SPY,100", "<html><p></html>", "<!DOCTYPE x []><x/>"])
def test_what_is_not_plain_xml_stays_a_text(text):
    assert xml_trees.parse(text) is None
