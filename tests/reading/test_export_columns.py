"""Positions as flat rows: the columns that exports promise, every number as the document has it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given

from variance_bridge import ROW_COLUMNS, flat_rows, load
from variance_bridge.document import exact_json
from variance_bridge.document.convert import canonical, instant_text, to_document
from variance_bridge.testing.hypothesis_portfolios import portfolios

FIRST = ("source", "account_hash", "fetched_at", "root", "symbol", "type", "side", "quantity")


def flat(position: dict) -> dict:
    """A position of a document as one mapping, by the rule that the pages state."""
    members = {name: value for name, value in position.items() if not isinstance(value, dict)}
    for name in ("quote", "greeks"):
        members |= {f"{name}_{member}": value for member, value in position.get(name, {}).items()}
    return members


def as_text(value: object) -> object:
    if isinstance(value, datetime):
        return instant_text(value)
    return value if isinstance(value, Decimal | str) else value and str(value)


def test_the_columns_begin_with_those_that_other_programs_rely_on():
    assert ROW_COLUMNS[:8] == FIRST
    assert len(set(ROW_COLUMNS)) == len(ROW_COLUMNS)


OF_ACCOUNT = {"source", "account_hash", "fetched_at", "account_currency"}


@given(portfolios())
def test_a_row_holds_every_member_of_its_position_and_nothing_else(portfolio):
    portfolio = canonical(portfolio)
    rows = flat_rows(portfolio)
    known = [
        {n: as_text(v) for n, v in row.items() if v is not None and n not in OF_ACCOUNT}
        for row in rows
    ]

    assert known == [flat(position) for position in to_document(portfolio)["positions"]]
    assert all(tuple(row) == ROW_COLUMNS for row in rows)


def test_a_snapshot_gives_its_rows_with_exact_numbers_and_unknown_as_none(tmp_path):
    number = Decimal("0.12345678901234567890123456789012345678")
    path = tmp_path / "live_acme.json"
    path.write_bytes(
        exact_json.dumps(
            {
                "meta": {
                    "source": "acme",
                    "fetched_at": "2026-03-02T15:00:00Z",
                    "account_hash": "abcd***",
                    "currency": "EUR",
                },
                "positions": [
                    {
                        "root": "SPY",
                        "symbol": "SPY",
                        "type": "stock",
                        "side": "long",
                        "quantity": number,
                        "currency": "USD",
                        "quote": {"mark": 0},
                    }
                ],
            }
        )
    )
    now = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)

    (row,) = load(path, now).rows()

    assert [row[name] for name in FIRST] == [
        "acme",
        "abcd***",
        now,
        "SPY",
        "SPY",
        "stock",
        "long",
        number,
    ]
    assert type(row["type"]) is str
    assert (row["currency"], row["account_currency"]) == ("USD", "EUR")
    assert row["quote_mark"] == 0
    assert row["greeks_delta"] is None
