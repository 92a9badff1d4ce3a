"""`python -m variance_bridge` and the command `variance`."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command line and exit with its documented code."""
    from variance_bridge.cli.boundary import run

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show an arrow is no reason to fail after the work is done.
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
