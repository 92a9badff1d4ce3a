"""Blocks the world while a function runs: files, network, processes, clock, randomness, environment.

Two of Python's own doors are watched, and not names in modules, so that no spelling of an import slips past: the audit
hook (PEP 578), through which every file, socket and process goes, and the profiler, which sees every call of a
built-in function. The first call of a blocked kind is stopped before it happens and its place is kept. Only the thread
that asked is watched; starting another is stopped too.

`logging` may look at the clock: what it writes is no result. The garbage collector waits, because what it calls (finalizers,
and callbacks of tools that measure it) would be taken for calls of the function.
"""

from __future__ import annotations

import _random
import gc
import os
import random
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from typing import Any

import attrs


class Kind(StrEnum):
    """What a function can touch."""

    FILES = "files"
    NETWORK = "the network"
    PROCESSES = "other processes and threads"
    CLOCK = "the clock"
    RANDOMNESS = "randomness"
    ENVIRONMENT = "the environment"


class BlockedError(BaseException):
    """Stops the call. No `Exception`, so that a broker that catches everything does not swallow it."""


@attrs.frozen
class BlockedCall:
    """A call that was stopped.

    Attributes:
        what: the function or event.
        place: file and line of the code under test, or of the caller where none of it is on the stack.
    """

    kind: Kind
    what: str
    place: str

    def __str__(self) -> str:
        return f"{self.place} touches {self.kind.value} ({self.what})"


@attrs.define
class _Watch:
    kinds: frozenset[Kind]
    package: str
    thread: int
    permits: Callable[[str, tuple[Any, ...]], bool]
    blocked_calls: list[BlockedCall] = attrs.field(factory=list)

    def stop(self, kind: Kind, what: str, frame: types.FrameType | None) -> None:
        if kind not in self.kinds or _is_logging(frame):
            return
        self.blocked_calls.append(BlockedCall(kind, what, _place(frame, self.package)))
        raise BlockedError(what)


_CLOCK = frozenset(
    {
        time.time, time.time_ns, time.monotonic, time.monotonic_ns, time.perf_counter, time.perf_counter_ns,
        time.process_time, time.process_time_ns, time.localtime, time.ctime, time.sleep,
    }
)  # fmt: skip
_CLOCK_OF_CLASSES = frozenset({"now", "utcnow", "today"})
_ENVIRONMENT_CODE = frozenset(
    getattr(type(os.environ), name).__code__
    for name in ("__getitem__", "__setitem__", "__delitem__", "__iter__", "__len__")
)
_SYSTEM_MODULES = frozenset({"posix", "nt"})
_SYSTEM_KINDS = {
    "urandom": Kind.RANDOMNESS,
    "getrandom": Kind.RANDOMNESS,
    "getcwd": Kind.ENVIRONMENT,
    "getlogin": Kind.ENVIRONMENT,
    "getpid": Kind.ENVIRONMENT,
    "uname": Kind.ENVIRONMENT,
    "cpu_count": Kind.ENVIRONMENT,
    "system": Kind.PROCESSES,
    "fork": Kind.PROCESSES,
    "kill": Kind.PROCESSES,
}
_PURE_SYSTEM_FUNCTIONS = frozenset({"fspath", "_path_normpath", "_path_splitroot"})
_EVENTS = (
    ("open", Kind.FILES),
    ("os.listdir", Kind.FILES),
    ("os.scandir", Kind.FILES),
    ("os.remove", Kind.FILES),
    ("os.rename", Kind.FILES),
    ("os.mkdir", Kind.FILES),
    ("os.rmdir", Kind.FILES),
    ("os.link", Kind.FILES),
    ("os.symlink", Kind.FILES),
    ("os.truncate", Kind.FILES),
    ("os.chmod", Kind.FILES),
    ("os.utime", Kind.FILES),
    ("shutil.", Kind.FILES),
    ("tempfile.", Kind.FILES),
    ("glob.", Kind.FILES),
    ("sqlite3.connect", Kind.FILES),
    ("socket.", Kind.NETWORK),
    ("subprocess.Popen", Kind.PROCESSES),
    ("os.system", Kind.PROCESSES),
    ("os.exec", Kind.PROCESSES),
    ("os.fork", Kind.PROCESSES),
    ("os.posix_spawn", Kind.PROCESSES),
    ("os.spawn", Kind.PROCESSES),
    ("ctypes.dlopen", Kind.PROCESSES),
)
"""Audit events by their beginning (docs.python.org, "Audit events table")."""

_AUDITED = frozenset({Kind.NETWORK})
"""Kinds of which the audit hook alone sees everything, so that the profiler stays free."""

_watches: list[_Watch] = []
_hook_installed = False


def nothing(_event: str, _arguments: tuple[Any, ...]) -> bool:
    """Permits no audit event of a blocked kind."""
    return False


@contextmanager
def blocked(
    *kinds: Kind,
    package: str = "",
    permits: Callable[[str, tuple[Any, ...]], bool] = nothing,
) -> Iterator[list[BlockedCall]]:
    """Stop every touch of these kinds (all of them where none is named) in the `with` block.

    Args:
        kinds: what is blocked.
        package: of the code under test, to tell the place of a blocked call.
        permits: audit events (name and arguments) that may happen all the same.

    Yields:
        The blocked_calls so far; each also raised `BlockedError` where it happened.
    """
    _install_audit_hook()
    watch = _Watch(frozenset(kinds or Kind), package, threading.get_ident(), permits)
    previous, collects = sys.getprofile(), gc.isenabled()
    gc.disable()
    _watches.append(watch)
    if watch.kinds - _AUDITED:
        sys.setprofile(_profiler(watch))
    try:
        yield watch.blocked_calls
    finally:
        sys.setprofile(previous)
        _watches.remove(watch)
        if collects:
            gc.enable()


def blocked_calls(
    call: Callable[[], object],
    *kinds: Kind,
    package: str = "",
    permits: Callable[[str, tuple[Any, ...]], bool] = nothing,
) -> tuple[BlockedCall, ...]:
    """What a call touches of these kinds; it ends at the first. Its own exceptions pass through."""
    with blocked(*kinds, package=package, permits=permits) as found:
        try:
            call()
        except BlockedError:
            pass
        except Exception:
            if not found:
                raise
    return tuple(found)


def _install_audit_hook() -> None:
    """Once for the process: a hook cannot be taken out again. It does nothing while nothing is blocked."""
    global _hook_installed  # noqa: PLW0603 - the process has one list of hooks
    if not _hook_installed:
        _hook_installed = True
        sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watches:
        return
    for watch in _watches:
        if watch.thread != threading.get_ident():
            continue
        for beginning, kind in _EVENTS:
            if event.startswith(beginning) and not watch.permits(event, arguments):
                watch.stop(kind, event, sys._getframe(1))  # noqa: SLF001 - who raised the event


def _profiler(watch: _Watch) -> Callable[[types.FrameType, str, Any], None]:
    def profile(frame: types.FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            kind = _kind_of(argument)
            if kind is not None:
                watch.stop(kind, getattr(argument, "__qualname__", str(argument)), frame)
        elif event == "call" and frame.f_code in _ENVIRONMENT_CODE:
            watch.stop(Kind.ENVIRONMENT, "os.environ", frame)

    return profile


def _kind_of(function: Any) -> Kind | None:
    """The kind of a built-in function; None for most of them."""
    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    if name in _CLOCK_OF_CLASSES and isinstance(owner, type) and issubclass(owner, date):
        return Kind.CLOCK
    if isinstance(owner, _random.Random) and not isinstance(owner, random.SystemRandom):
        return Kind.RANDOMNESS
    if isinstance(owner, types.ModuleType):
        if owner is time and function in _CLOCK:
            return Kind.CLOCK
        if owner.__name__ == "_thread" and name.startswith("start_"):
            return Kind.PROCESSES
        if owner.__name__ in _SYSTEM_MODULES and name not in _PURE_SYSTEM_FUNCTIONS:
            return _SYSTEM_KINDS.get(name, Kind.FILES)
    return None


def _is_logging(frame: types.FrameType | None) -> bool:
    return frame is not None and str(frame.f_globals.get("__name__", "")).startswith("logging")


def _place(frame: types.FrameType | None, package: str) -> str:
    caller = frame
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if package and name.partition(".")[0] == package:
            return _at(frame)
        frame = frame.f_back
    return _at(caller) if caller is not None else "somewhere"


def _at(frame: types.FrameType) -> str:
    file = "/".join(frame.f_code.co_filename.replace("\\", "/").split("/")[-2:])
    return f"{file}, line {frame.f_lineno} ({frame.f_code.co_name})"
