"""The rates that this installation keeps, in a file of the configuration folder."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from variance_bridge.document.exact_json import MAX_BYTES, dumps, loads
from variance_bridge.errors import BridgeError, ConfigurationError, DataRefused
from variance_bridge.reading.currency_conversion import ExchangeRates

FILE_NAME = "exchange_rates.json"
_AGAIN = "remove the file and run `variance fx update`"


def kept_rates(folder: Path) -> ExchangeRates | None:
    """The rates that were kept; None where there are none.

    Args:
        folder: the configuration folder.

    Raises:
        DataRefused: the file cannot be read, or is not of this program.
    """
    from variance_bridge.storage.read import Reader

    file = folder / FILE_NAME
    try:
        content = Reader(max_bytes=MAX_BYTES).read(file)
    except FileNotFoundError:
        return None
    try:
        return _rates(loads(content.data))
    except (BridgeError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        raise DataRefused("the file of rates is damaged", where=str(file), hint=_AGAIN) from None


def _rates(stated: Any) -> ExchangeRates:
    days = {
        date.fromisoformat(day): {currency: _units(value) for currency, value in units.items()}
        for day, units in stated["days"].items()
    }
    return ExchangeRates(source=str(stated["source"]), days=days)


def _units(value: Any) -> Decimal:
    units = Decimal(value)
    if not units.is_finite() or units <= 0:
        raise ValueError("a rate is a number above zero")
    return units


def keep_rates(folder: Path, rates: ExchangeRates) -> Path:
    """Write the rates, 0600, in one step.

    Raises:
        DataRefused: they cannot be written; what was there is as it was.
    """
    from variance_bridge.files import write_file

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / FILE_NAME
    days = {day.isoformat(): dict(sorted(rates.days[day].items())) for day in sorted(rates.days)}
    data = dumps({"source": rates.source, "base": "EUR", "days": days})
    write_file(file, data, title="the file of rates", hint="check the permissions of the folder")
    return file


def no_rates() -> ConfigurationError:
    """The error of a conversion for which no rates are kept."""
    return ConfigurationError(
        "there are no rates yet",
        hint="fetch them with `variance fx update`, or read a file: `variance fx update --file eurofxref-daily.xml`",
    )
