"""The records that there is one of for each position: programs use them as they use classes of attrs."""

from __future__ import annotations

import copy
import pickle
import weakref
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import attrs
import pytest
from msgspec import structs

from variance_bridge import model
from variance_bridge.document.convert import to_document
from variance_bridge.model import Counts, Holding, Meta, Portfolio, Quote, Side
from variance_bridge.money import Sum
from variance_bridge.symbology import Instrument, InstrumentType, parse
from variance_bridge.symbology.instrument import Record, Value

SPY = Holding(
    root="SPY",
    symbol="SPY",
    type=InstrumentType.STOCK,
    side=Side.LONG,
    quantity=Decimal(3),
    quote=Quote(mark=Decimal("600.5"), source="acme"),
)
RECORDS = [
    one
    for one in (*vars(model).values(), Instrument, Sum)
    if isinstance(one, type) and issubclass(one, Value) and one not in (Value, Record)
]


def test_attrs_changes_a_record_as_it_changes_its_own():
    assert attrs.evolve(SPY, quantity=Decimal(4)) == structs.replace(SPY, quantity=Decimal(4))
    assert attrs.evolve(parse("SPY"), root="X").root == "X"
    assert attrs.evolve(Sum(None, 0, 1), known=1) == Sum(None, 1, 1)


def test_attrs_names_the_fields_of_a_record_with_types_and_defaults():
    fields = attrs.fields_dict(Counts) | attrs.fields_dict(Meta)

    assert attrs.has(Holding)
    assert [field.name for field in attrs.fields(Instrument)] == list(Instrument.__struct_fields__)
    assert (fields["fetched"].type, fields["fetched"].default) == ("int", attrs.NOTHING)
    assert (fields["rejected"].default, fields["currency"].default) == ((), None)


def test_attrs_makes_a_mapping_of_a_record():
    assert attrs.asdict(SPY)["quote"]["mark"] == Decimal("600.5")


@pytest.mark.parametrize("cls", RECORDS)
def test_no_member_of_a_record_can_be_set(cls):
    record = cls(**{field.name: None for field in structs.fields(cls)})

    with pytest.raises(AttributeError):
        setattr(record, structs.fields(cls)[0].name, "x")


def test_records_are_compared_by_value_copied_pickled_and_watched():
    again = copy.deepcopy(SPY)

    assert again == SPY == pickle.loads(pickle.dumps(SPY))
    assert hash(again) == hash(SPY)
    assert again != attrs.evolve(SPY, side=Side.SHORT)
    assert weakref.ref(again)() is again


def test_a_record_is_shown_with_its_members():
    assert repr(Counts(fetched=3, normalized=1, closed=2, rejected=0)) == (
        "Counts(fetched=3, normalized=1, closed=2, rejected=0)"
    )


def test_a_moment_in_another_zone_is_written_in_utc():
    noon = datetime(2026, 3, 2, 12, 0, 0, 250_000, timezone(timedelta(hours=-5)))
    written = to_document(
        Portfolio(
            meta=Meta(source="acme", fetched_at=noon),
            positions=(structs.replace(SPY, expires_at=noon, quote=Quote(as_of=noon)),),
        )
    )

    (position,) = written["positions"]
    assert written["meta"]["fetched_at"] == "2026-03-02T17:00:00.250000Z"
    assert position["expires_at"] == position["quote"]["as_of"] == written["meta"]["fetched_at"]
