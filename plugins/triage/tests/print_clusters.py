"""Prints the clusters of a large portfolio with many opening days; run by a test in processes of their own."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

from variance_bridge_triage.strategies.clusters import cluster

_PLACE = Path(__file__).with_name("conftest.py")


def main() -> None:
    specification = importlib.util.spec_from_file_location("invented_positions", _PLACE)
    invented = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(invented)
    generator = random.Random(7)
    texts = [
        f"{generator.choice([-2, -1, 1, 2])} {generator.randint(80, 120)}{generator.choice('CP')}"
        f" {generator.choice([10, 30])}d @2025-12-{generator.randint(1, 9):02d}"
        for _leg in range(600)
    ]
    for found in cluster([invented.position(text) for text in texts], invented.TODAY):
        sys.stdout.write(f"{found}\n")


main()
