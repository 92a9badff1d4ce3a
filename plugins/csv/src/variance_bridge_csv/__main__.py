"""`python -m variance_bridge_csv FILE.toml...`: checks dialect files without reading any position."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from variance_bridge.errors import ConfigurationError
from variance_bridge_csv.dialect import library


def main(arguments: Sequence[str]) -> int:
    """Says of each file what is wrong with it; 0 when nothing is, 3 otherwise (as for all configuration)."""
    faulty = False
    for name in arguments:
        try:
            library.check(Path(name))
            sys.stdout.write(f"{name}: good\n")
        except ConfigurationError as fault:
            faulty = True
            sys.stdout.write(f"{name}: {fault.what}\n")
    return 3 if faulty else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
