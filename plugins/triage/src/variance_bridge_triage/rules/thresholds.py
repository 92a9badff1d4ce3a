"""The thresholds of the triage: the shipped ones, and what the user changes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from variance_bridge.files import merge_tables, parse_toml, read_toml, structure, structure_shipped
from variance_bridge.formatting import did_you_mean, printable
from variance_bridge_triage.strategies.strategy_names import strategies

FILE_NAME = "triage.toml"
SHIPPED = "shipped"
ASSUMED = "assumed (shipped thresholds)"
_SHIPPED_FILE = Path(__file__).with_name("thresholds.toml")


def _above_zero(_instance: object, _field: object, value: Any) -> None:
    if value is not None and value <= 0:
        raise ValueError("must be above zero")


def _not_negative(_instance: object, _field: object, value: Any) -> None:
    if value is not None and value < 0:
        raise ValueError("must be a number of days, not less than 0")


def _filled(_instance: object, _field: object, value: Any) -> None:
    if not value:
        raise ValueError("must not be empty")


def _known_strategies(_instance: object, _field: object, value: Mapping[str, Any]) -> None:
    known = {entry.name for rows in strategies().entries.values() for entry in rows}
    for name in value:
        if name not in known:
            near = did_you_mean(name, known)
            raise ValueError(f'unknown strategy "{printable(name, limit=60)}"{near}')


@attrs.frozen(kw_only=True)
class Account:
    """Table [account]."""

    net_liquidity: Decimal = attrs.field(validator=_above_zero)


@attrs.frozen(kw_only=True)
class Benchmark:
    """Table [benchmark]; `volatility` is a fraction per year, `price` None where it is taken from the positions file."""

    symbol: str = attrs.field(validator=_filled)
    volatility: Decimal = attrs.field(validator=_above_zero)
    currency: str = attrs.field(validator=_filled)
    price: Decimal | None = attrs.field(default=None, validator=_above_zero)


@attrs.frozen(kw_only=True)
class Harvest:
    """Table [harvest]; targets are fractions of the credit."""

    target: Decimal = attrs.field(validator=_above_zero)
    quick_target: Decimal = attrs.field(validator=_above_zero)
    quick_days: int = attrs.field(validator=_not_negative)


@attrs.frozen(kw_only=True)
class SizeThreat:
    """Table [size_threat]; `share` is a fraction of net liquidity, `moves` are in standard deviations of a day."""

    share: Decimal = attrs.field(validator=_above_zero)
    moves: tuple[Decimal, ...] = attrs.field(validator=_filled)


@attrs.frozen(kw_only=True)
class Window:
    """Table [window]; in calendar days."""

    days: int = attrs.field(validator=_not_negative)


@attrs.frozen(kw_only=True)
class HedgeCheck:
    """Table [hedge_check]; `beta_delta` in shares of the benchmark."""

    strategies: tuple[str, ...]
    roots: tuple[str, ...]
    beta_delta: Decimal


@attrs.frozen(kw_only=True)
class OfStrategy:
    """What differs for one strategy; None for what does not."""

    target: Decimal | None = attrs.field(default=None, validator=_above_zero)
    days: int | None = attrs.field(default=None, validator=_not_negative)


@attrs.frozen(kw_only=True)
class Tables:
    """All tables of the file."""

    account: Account
    benchmark: Benchmark
    harvest: Harvest
    size_threat: SizeThreat
    window: Window
    hedge_check: HedgeCheck
    strategies: Mapping[str, OfStrategy] = attrs.field(factory=dict, validator=_known_strategies)


@attrs.frozen(kw_only=True)
class Thresholds(Tables):
    """All thresholds, and where they come from: `SHIPPED` or a file.

    Attributes:
        states_net_liquidity: whether the user's file has it; else the shipped one is assumed.
    """

    origin: str
    states_net_liquidity: bool = False

    @property
    def origin_of_net_liquidity(self) -> str:
        """`from triage.toml`, or that it is assumed."""
        name = printable(Path(self.origin).name, limit=60)
        return f"from {name}" if self.states_net_liquidity else ASSUMED

    def target(self, strategy: str) -> Decimal:
        """The fraction of the credit at which that strategy is harvested."""
        own = self.strategies.get(strategy)
        return own.target if own and own.target is not None else self.harvest.target

    def window_days(self, strategy: str) -> int:
        """Days to expiry from which a short option of that strategy needs attention."""
        own = self.strategies.get(strategy)
        return own.days if own and own.days is not None else self.window.days


def shipped_thresholds() -> Thresholds:
    """The thresholds of thresholds.toml in this package."""
    return _with_origin(structure_shipped(_shipped_table(), Tables), SHIPPED)


def thresholds(folder: Path | None, explicit: Path | None = None) -> Thresholds:
    """The user's thresholds on top of the shipped ones.

    Args:
        folder: the user's configuration folder; `triage.toml` in it counts when it is there.
        explicit: the file that `--thresholds` names; it must exist.

    Raises:
        ConfigurationError: the file cannot be read, is not TOML, or has keys that are unknown or of the wrong type.
    """
    file = explicit or (folder / FILE_NAME if folder else None)
    if file is None or (explicit is None and not file.exists()):
        return shipped_thresholds()
    own = read_toml(file)
    tables = structure(merge_tables(_shipped_table(), own), Tables, where=str(file))
    return attrs.evolve(
        _with_origin(tables, str(file)),
        states_net_liquidity="net_liquidity" in own.get("account", {}),
    )


def _with_origin(tables: Tables, origin: str) -> Thresholds:
    return Thresholds(**attrs.asdict(tables, recurse=False), origin=origin)


def _shipped_table() -> dict[str, Any]:
    return parse_toml(_SHIPPED_FILE.read_text(encoding="utf-8"), SHIPPED)
