"""A folder of generated exports, an installation with a key, and what a run leaves of both."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

HEADER = (
    "Account number,Account name,Symbol,Description,Quantity,Last price,Last price change,Current value,"
    "Today's gain/loss dollar,Today's gain/loss percent,Total gain/loss dollar,Total gain/loss percent,"
    "Percent of account,Cost basis total,Average cost basis,Type,"
)
CANARY = "98765"
"""With what every account number begins, in the files and in their names."""


def export(file: Path, seed: int, rows: int = 6, quantity: str | None = None) -> None:
    """An export of one account; the same seed gives the same rows.

    Args:
        file: to write.
        seed: of the rows, and the end of the account number.
        rows: how many.
        quantity: of the first row; by chance otherwise.
    """
    dice = random.Random(seed)
    lines = [HEADER]
    for row in range(rows):
        root = "".join(dice.choice("QXYZ") for _ in range(4))
        price, units = dice.randint(10, 90), Decimal(dice.randint(1, 300))
        if quantity is not None and row == 0:
            units = Decimal(quantity)
        value, gain = units * price, dice.randint(0, 9)
        cost = value - gain
        lines.append(
            f"X{CANARY}{seed:04d},Individual,{root},{root} INC,{units},${price}.00,+$0.00,${value:.2f},--,--,"
            f"+${gain}.00,--,--,${cost:.2f},${cost / units:.2f},Cash,"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    moment = time.time() - 600 - seed
    os.utime(file, (moment, moment))


def exports(folder: Path, accounts: int, rows: int = 6) -> Path:
    """A manifest of so many exports."""
    for number in range(accounts):
        export(folder / "exports" / f"positions_X{CANARY}{number:04d}.csv", number, rows)
    manifest = folder / "manifest.toml"
    manifest.write_text('inputs = ["exports/**/*.csv"]\n')
    return manifest


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "variance_bridge", *map(str, arguments)]


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def tables(out: Path) -> dict[str, list[dict]]:
    """All rows of the three tables; how long an account took differs from run to run."""
    from pyarrow import dataset, parquet

    outcomes = parquet.read_table(out / "outcomes.parquet").to_pylist()
    positions = dataset.dataset(out / "positions", partitioning="hive").to_table()
    return {
        "outcomes": [{k: v for k, v in row.items() if k != "seconds"} for row in outcomes],
        "triage": parquet.read_table(out / "triage.parquet").to_pylist(),
        "positions": positions.to_pylist(),
    }


def installation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder with a key for account hashes."""
    place = folder / "configuration"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(place))
    from variance_bridge.settings.account_hash import installation_key
    from variance_bridge.settings.keyring import Keyring

    installation_key(place, Keyring())
    return place
