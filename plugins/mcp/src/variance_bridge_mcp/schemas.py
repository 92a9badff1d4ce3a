"""The JSON Schemas of what the tools take and answer. Positions and balances are those of the lingua franca."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from variance_bridge import InstrumentType
from variance_bridge.commands import schema_text
from variance_bridge_mcp.tool_answers import KEPT_INSIDE, MAX_POSITIONS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}


def words(*names: str) -> Schema:
    """One of these words."""
    return {"enum": list(names)}


def unknown_or(schema: Schema) -> Schema:
    """Null where it is unknown."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """A list of them."""
    return {"type": "array", "items": schema}


def members(optional: frozenset[str] = frozenset(), /, **properties: Schema) -> Schema:
    """An object with these members and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties.keys() - optional),
        "additionalProperties": False,
    }


def named(schema: Schema) -> Schema:
    """An object whose members have any names."""
    return {"type": "object", "additionalProperties": schema}


HASH: Schema = {"type": "string", "description": "An account, by its hash."}
ACCOUNT: Schema = {
    "type": "string",
    "pattern": "^[0-9a-f]{1,64}(\\*{3})?$",
    "description": "One account alone: its account_hash, or the beginning of it.",
}
ROOT: Schema = {
    "type": "string",
    "maxLength": 64,
    "description": "What positions are grouped under: SPY, SPX, /ES, BRK-B.",
}

_MISSING_ROWS = listed(TEXT) | {
    "description": "The cautions that say so: a position that is not listed may not be closed."
}
SOURCE = members(
    source=unknown_or(TEXT),
    account_hash=unknown_or(HASH),
    fetched_at=unknown_or(TEXT | {"description": "When the state was known to be true, UTC."}),
    age_seconds=unknown_or(WHOLE),
    freshness=unknown_or(words("fresh", "stale")),
    status=unknown_or(words("complete", "partial")),
    environment=unknown_or(words("production", "sandbox", "simulator")),
    timeliness=unknown_or(words("live", "delayed", "end_of_day")),
    counts=FLAG | {"description": "Whether its positions are in the answers."},
    problem=unknown_or(words("too_old", "from_the_future", "not_valid", "a_newer_document_counts")),
    rows_may_be_missing=_MISSING_ROWS,
)
FRAME = {
    "read_at": TEXT,
    "accounts": members(counted=COUNT, of=COUNT),
}
DATED = {**FRAME, "sources": listed(SOURCE)}

_MOVED: Mapping[str, Schema] = {
    "account_hash": unknown_or(HASH),
    "root": TEXT,
    "symbol": TEXT,
    "quantity_before": NUMBER,
    "quantity_after": NUMBER,
    "unrealized_pl_before": unknown_or(NUMBER),
    "unrealized_pl_after": unknown_or(NUMBER),
}
CHANGE = members(
    **_MOVED,
    looks=unknown_or(words("assigned", "exercised"))
    | {"description": "Of an option that is gone while what it delivers came or went."},
)
ROLL = members(**_MOVED, **{"from": TEXT, "to": TEXT})
MOMENT = members(fetched_at=TEXT, age_seconds=WHOLE, rows_may_be_missing=_MISSING_ROWS)
PARTIAL = named(members(sum=unknown_or(NUMBER), known=COUNT, of=COUNT))
ACTION = members(action=TEXT, reason=TEXT)
SUM = unknown_or(NUMBER)
MAYBE = unknown_or(TEXT)

LEG = members(
    symbol=TEXT,
    type=TEXT,
    side=words("long", "short"),
    quantity=NUMBER,
    option_type=MAYBE,
    strike=SUM,
    expiration=MAYBE,
    opened_on=MAYBE,
    cost_basis=SUM,
    market_value=SUM,
    unrealized_pl=SUM,
)
CLUSTER = members(
    account_hash=unknown_or(HASH),
    root=TEXT,
    strategy=TEXT,
    units=SUM,
    action=MAYBE,
    reason=MAYBE,
    also=listed(ACTION),
    not_judged=listed(members(rule=TEXT, needs=TEXT)),
    unread_rows=COUNT,
    dte=unknown_or(WHOLE),
    expiration=MAYBE,
    expired=FLAG,
    net_pl=SUM,
    net_cost=SUM,
    delta=SUM,
    beta_delta=SUM,
    theta_per_day=SUM,
    pl_fraction=SUM,
    underlying_price=SUM,
    currency=MAYBE,
    legs=listed(LEG),
    partial=PARTIAL,
)


def inputs() -> Mapping[str, Schema]:
    """What each tool takes."""
    nothing = members()
    account = members(frozenset({"account"}), account=ACCOUNT)
    filters = {
        "account": ACCOUNT,
        "root": ROOT,
        "type": words(*InstrumentType) | {"description": "The type of instrument."},
        "offset": COUNT | {"description": "Skip so many."},
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_POSITIONS},
    }
    action = {"type": "string", "pattern": "^[A-Z_]{1,32}$", "description": "Such as EXPIRING."}
    judged = {"account": ACCOUNT, "root": ROOT, "action": action}
    return {
        "list_portfolios": nothing,
        "positions": members(frozenset(filters), **filters),
        "totals": account,
        "triage": members(frozenset(judged), **judged),
        "diff": account,
        "health": nothing,
    }


@cache
def outputs() -> Mapping[str, Schema]:
    """What each tool answers."""
    totals = members(
        market_value=SUM,
        unrealized_pl=SUM,
        day_pl=SUM,
        net_liquidating_value=SUM,
        cash=SUM,
        partial=PARTIAL,
        positions=COUNT,
    )
    portfolio = members(**SOURCE["properties"], balances=unknown_or({"$ref": "#/$defs/balances"}))
    verdict = members(account_hash=unknown_or(HASH), all_clear=FLAG, sentences=listed(TEXT))
    compared = members(account_hash=unknown_or(HASH), before=MOMENT, after=MOMENT)
    changes = {kind: listed(CHANGE) for kind in ("opened", "closed", "changed", "expired")}
    return {
        "list_portfolios": _with_definitions(members(**FRAME, portfolios=listed(portfolio))),
        "positions": _with_definitions(
            members(**DATED, of=COUNT, positions=listed({"$ref": "#/$defs/position"}))
        ),
        "totals": members(**DATED, totals_by_currency=named(totals)),
        "triage": members(
            **DATED, thresholds=TEXT, verdicts=listed(verdict), clusters=listed(CLUSTER)
        ),
        "diff": members(**DATED, compared=listed(compared), **changes, rolled=listed(ROLL)),
        "health": members(
            **DATED,
            healthy=FLAG,
            version=TEXT,
            schema_version=TEXT,
            files=COUNT,
            stale=COUNT,
            failed=COUNT,
            rejected=COUNT,
            cautions=named(COUNT),
        ),
    }


def _with_definitions(schema: Schema) -> Schema:
    return {**schema, "$defs": _definitions()}


@cache
def _definitions() -> Schema:
    """Those of the lingua franca, with account and source of each position, and without what stays inside."""
    definitions: Schema = json.loads(schema_text())["$defs"]
    position = definitions["position"]
    kept = {k: v for k, v in position["properties"].items() if k not in KEPT_INSIDE}
    position["properties"] = {"account_hash": unknown_or(HASH), "source": TEXT, **kept}
    position["required"] = [*position["required"], "account_hash", "source"]
    for name in ("quote", "greeks"):
        definitions[name]["properties"].pop("source")
    return definitions
