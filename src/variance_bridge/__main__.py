"""`python -m variance_bridge` and the command `variance`."""

from __future__ import annotations

import io
import os
import sys


def main() -> None:
    """Run the command line and exit with its documented code."""
    _fill_closed_streams()
    from variance_bridge.cli.boundary import run

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show an arrow is no reason to fail after the work is done.
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def _fill_closed_streams() -> None:
    """Daemons and some schedulers start programs with closed standard streams (`2>&-`), for which Python has None.

    Nothing is in their place then, and the next file that is opened would be: what is printed would be written into it.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the rest of the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    main()
