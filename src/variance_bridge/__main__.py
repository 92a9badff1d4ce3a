"""`python -m variance_bridge` and the command `variance`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its documented code."""
    from variance_bridge.cli.boundary import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
