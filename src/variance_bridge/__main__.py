"""`python -m variance_bridge` and the command `variance`."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
import threading
import time
from typing import NoReturn

ENDED_BY_PLUGIN = 3
GRACE_SECONDS = 5.0
_OWN = os.getpid()
_leave = os._exit


def main() -> None:
    """Run the command line and exit with its documented code."""
    _fill_closed_streams()
    from variance_bridge.cli.error_report import run

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show an arrow is no reason to fail after the work is done.
            stream.reconfigure(errors="replace")
    os._exit = _refuse_silent_exit
    try:
        code = run(sys.argv[1:])
    finally:
        os._exit = _leave
    if _has_other_threads():
        _end_despite_threads(code)
        sys.exit(code)
    _end_at_once(code)


def _refuse_silent_exit(status: int) -> NoReturn:
    """`os._exit(0)` in a plugin would look like success with nothing published. A forked child may leave so."""
    if os.getpid() != _OWN:
        _leave(status)
    _flush_and_leave(
        ENDED_BY_PLUGIN,
        "Error: a plugin ended this process (os._exit); see what was published before\n",
    )


def _has_other_threads() -> bool:
    this = threading.current_thread()
    return any(not one.daemon for one in threading.enumerate() if one is not this)


def _end_at_once(code: int) -> NoReturn:
    """What was registered for the exit is done; but that every object is freed one by one would take a sixth of a run."""
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no other name for it
    _flush_and_leave(code)


def _end_despite_threads(code: int) -> None:
    """A thread of a plugin that never ends would keep a finished run, such as a cron job, alive for ever."""

    def stop() -> None:
        time.sleep(GRACE_SECONDS)
        _flush_and_leave(code, "Warning: a thread of a plugin did not end; it was stopped\n")

    threading.Thread(target=stop, daemon=True).start()


def _flush_and_leave(code: int, last_words: str = "") -> NoReturn:
    """Leave now, with what was printed so far. A plugin may have closed a stream, or taken it away: that stops nothing."""
    for stream, words in ((sys.stdout, ""), (sys.stderr, last_words)):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.write(words)
                stream.flush()
    _leave(code)


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
