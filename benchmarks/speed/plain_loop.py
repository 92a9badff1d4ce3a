"""What a fleet is held against: sync and triage of each file of a manifest, one after the other in one process.

Run: python plain_loop.py MANIFEST FOLDER
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from variance_bridge import load
from variance_bridge.unattended import UnattendedSyncs
from variance_bridge_fleet.manifest import read_manifest
from variance_bridge_triage.rules.report import triage
from variance_bridge_triage.rules.thresholds import thresholds


def main(manifest: str, folder: Path) -> None:
    now = datetime.now(UTC)
    syncs = UnattendedSyncs(None, lambda _warning: None)
    limits = thresholds(syncs.folder)
    folder.mkdir()
    for each in read_manifest(manifest).inputs:
        for synced in syncs.sync(folder / f"{each.key}.json", input_file=each.file):
            triage(load(synced.path, now, any_age=True), limits, now)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
