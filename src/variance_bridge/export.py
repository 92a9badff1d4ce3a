"""Reading a broker's export file without a sync: the broker is the one that has the name of the file's ending."""

from __future__ import annotations

from pathlib import Path

import attrs

from variance_bridge.broker_run import BrokerRun, Choice, open_broker
from variance_bridge.errors import DataRefused, UnknownPlugin
from variance_bridge.model import Portfolio
from variance_bridge.validation import check_arithmetic, refuse


def read_export(file: Path, account: str | None = None) -> tuple[Portfolio, tuple[str, ...]]:
    """The portfolio in an export file, and what its broker warned of. Nothing is written; no account is hashed.

    Raises:
        DataRefused: no broker reads such files, or this one is not readable.
        ConfigurationError: the file holds several accounts and none is chosen.
    """
    from variance_bridge.machine import machine_for_reading

    warnings: list[str] = []
    name = file.suffix.lower().removeprefix(".")
    if not name:
        raise DataRefused(
            "its name has no ending that tells what it is",
            where=str(file),
            hint="positions files end in .json, exports in the name of their broker, such as .csv",
        )
    machine = machine_for_reading(warnings.append)
    try:
        run = open_broker(machine, Choice(broker=name, input_file=file))
    except UnknownPlugin:
        raise DataRefused(
            f"no broker that reads .{name} files is installed",
            where=str(file),
            hint="positions files end in .json",
        ) from None
    return _only(run, account), tuple(warnings)


def _only(run: BrokerRun, account: str | None) -> Portfolio:
    from variance_bridge.accounts import select_account
    from variance_bridge.document import to_document

    portfolio = run.portfolio(select_account(run, run.accounts(), account))
    placeholder = attrs.evolve(portfolio.meta, account_hash="0000***")
    refuse(check_arithmetic(to_document(attrs.evolve(portfolio, meta=placeholder))))
    return portfolio
