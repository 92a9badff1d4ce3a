"""The lingua franca as classes, as a document (mappings and lists), and as bytes: one way in, one way out.

cattrs turns the one into the other and judges nothing: what is written is judged as the document that it becomes, and
what is read is judged before it becomes classes (`variance_bridge.document.check`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import attrs

from variance_bridge.document import exact_json
from variance_bridge.errors import DataRefused
from variance_bridge.model import Balances, Greeks, Holding, Meta, Portfolio, Quote, utc
from variance_bridge.symbology import InstrumentType

if TYPE_CHECKING:
    from cattrs import Converter

_TYPE_ORDER = {word: place for place, word in enumerate(InstrumentType)}
_ALWAYS_WRITTEN = frozenset({"positions"})


def in_canonical_order(holdings: Iterable[Holding]) -> tuple[Holding, ...]:
    """The positions in the order in which they are written, whatever order they came in.

    What is grouped together stands together, near expirations and low strikes first. Only positions that are alike in
    all that orders them are compared member by member.
    """
    ordered: list[Holding] = []
    for _key, alike in groupby(sorted(holdings, key=_place), key=_place):
        ties = list(alike)
        ordered += sorted(ties, key=_whole) if len(ties) > 1 else ties
    return tuple(ordered)


def _place(holding: Holding) -> tuple[Any, ...]:
    return (
        holding.root,
        _TYPE_ORDER[holding.type],
        holding.expiration or date.min,
        holding.strike or Decimal(0),
        holding.option_type or "",
        holding.symbol,
        holding.side,
        holding.opened_on or date.min,
        holding.quantity,
    )


def _whole(holding: Holding) -> bytes:
    return exact_json.dumps(_converter().unstructure(holding), indent=None)


def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`, microseconds only where there are any."""
    return utc(moment).replace(tzinfo=None).isoformat() + "Z"


def instant(text: str) -> datetime:
    """The instant that an RFC 3339 text names, in UTC.

    Raises:
        ValueError: no such date or time, or no zone.
    """
    return utc(datetime.fromisoformat(text))


def _decimal(value: Any, _type: Any = None) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("not an exact number")
    return Decimal(value)


def _structure_class(converter: Converter, cls: type[Any]) -> Callable[[Any, Any], Any]:
    from cattrs.gen import make_dict_structure_fn

    return make_dict_structure_fn(cls, converter, _cattrs_detailed_validation=False)


def _unstructure_class(converter: Converter, cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    def unstructure(instance: Any) -> dict[str, Any]:
        members = {}
        for field in attrs.fields(cls):
            value = getattr(instance, field.name)
            if value is None or (value == () and field.name not in _ALWAYS_WRITTEN):
                continue
            members[field.name] = converter.unstructure(value)
        return members

    return unstructure


@cache
def _converter() -> Converter:
    from cattrs import Converter

    converter = Converter(detailed_validation=False)
    converter.register_unstructure_hook_factory(
        attrs.has, lambda cls: _unstructure_class(converter, cls)
    )
    converter.register_unstructure_hook(Decimal, lambda value: value)
    converter.register_unstructure_hook(StrEnum, lambda word: word.value)
    converter.register_unstructure_hook(datetime, instant_text)
    converter.register_unstructure_hook(date, lambda day: day.isoformat())
    converter.register_unstructure_hook(
        tuple, lambda items: [converter.unstructure(i) for i in items]
    )
    converter.register_structure_hook(Decimal, _decimal)
    converter.register_structure_hook(datetime, lambda text, _type: instant(text))
    converter.register_structure_hook(date, lambda text, _type: date.fromisoformat(text))
    for cls in (Quote, Greeks, Balances, Holding, Meta):
        converter.register_structure_hook(cls, _structure_class(converter, cls))
    return converter


def to_document(portfolio: Portfolio) -> dict[str, Any]:
    """The portfolio as mappings and lists, its positions in canonical order. Unknown members are left out."""
    ordered = attrs.evolve(portfolio, positions=in_canonical_order(portfolio.positions))
    document: dict[str, Any] = _converter().unstructure(ordered)
    meta, positions = document["meta"], document["positions"]
    balances = {"balances": document["balances"]} if "balances" in document else {}
    first = {"schema_version": meta["schema_version"]}
    return {"meta": first | meta, **balances, "positions": positions}


def to_bytes(portfolio: Portfolio) -> bytes:
    """The portfolio as the text that is published. The same portfolio gives the same bytes."""
    return exact_json.dumps(to_document(portfolio))


def structure(document: Mapping[str, Any]) -> Portfolio:
    """The classes that a valid document stands for.

    Raises:
        DataRefused: the document is not valid; which rule it breaks is told by `variance_bridge.document.check`.
    """
    try:
        portfolio = _converter().structure(document, Portfolio)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataRefused(
            "the document does not have the form of a positions file",
            hint="run `variance validate` on it: it names each place and rule",
        ) from None
    return portfolio


def from_bytes(data: bytes) -> tuple[Portfolio, tuple[str, ...]]:
    """Read a document: its portfolio, and what a reader should be warned of.

    A document of a later 1.y is read without the members that this version does not know, with one warning.

    Raises:
        DataRefused: not JSON, another major version, or not valid; the message names the first places and rules.
    """
    from variance_bridge.document.check import refuse
    from variance_bridge.document.schema import check_schema
    from variance_bridge.document.versions import for_this_version

    document, warnings = for_this_version(exact_json.loads(data))
    refuse(check_schema(document))
    return structure(document), warnings
