"""No personal value in a log record or in the report of a crash.

Redaction stands at two places, because neither sees everything: a factory of log records covers handlers that are
added later, by whomever; a filter on the handlers that are there covers what `extra` adds to a record after it was
made. A crash is reported by types and places in the code, never by messages, source lines or local variables.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, TextIO

from variance_bridge.errors import BridgeError
from variance_bridge.personal_values import PersonalValues

_STANDARD_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
}
_UNREADABLE: Final = "a log record that cannot be shown"
_FRAMES_SHOWN = 30
_CAUSES_SHOWN = 5


class RedactingFilter(logging.Filter):
    """Rewrites each record so that no field of it shows a personal value. It keeps all records."""

    def __init__(self, personal: PersonalValues) -> None:
        super().__init__()
        self._personal = personal

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact message, arguments, exception, stack and extra fields in place."""
        try:
            self._rewrite(record)
        except Exception:  # noqa: BLE001 - arguments with a broken __str__; logging must not stop the program
            self._blank(record)
        return True

    def _rewrite(self, record: logging.LogRecord) -> None:
        record.msg, record.args = self._personal.redact(record.getMessage()), None
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = self._personal.redact(describe(record.exc_info[1]))
        elif record.exc_text:
            record.exc_text = self._personal.redact(record.exc_text)
        record.exc_info = None
        if record.stack_info:
            record.stack_info = self._personal.redact(record.stack_info)
        for name in vars(record).keys() - _STANDARD_FIELDS:
            setattr(record, name, self._redact_value(getattr(record, name)))

    def _redact_value(self, value: Any) -> Any:
        shown = str(value)
        redacted = self._personal.redact(shown)
        plain = isinstance(value, bool | int | float | str) or value is None
        return value if plain and redacted == shown else redacted

    @staticmethod
    def _blank(record: logging.LogRecord) -> None:
        record.msg, record.args = _UNREADABLE, None
        record.exc_info = record.exc_text = record.stack_info = None
        for name in vars(record).keys() - _STANDARD_FIELDS:
            setattr(record, name, _UNREADABLE)


def install_redaction(
    personal: PersonalValues, *loggers: logging.Logger | logging.Handler
) -> Callable[[], None]:
    """Redact all log records from now on.

    Args:
        personal: what to redact; values that are added later count too.
        loggers: loggers (their handlers) and handlers to guard in full; the root logger's always are.

    Returns:
        A function that undoes it.
    """
    guard = RedactingFilter(personal)
    make = logging.getLogRecordFactory()
    raise_errors = logging.raiseExceptions

    def make_redacted(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        guard.filter(record)
        return record

    handlers = list(dict.fromkeys(_handlers(logging.getLogger(), *loggers)))
    for handler in handlers:
        handler.addFilter(guard)
    logging.setLogRecordFactory(make_redacted)
    # A handler that fails would print the record's raw arguments to stderr (logging.Handler.handleError).
    logging.raiseExceptions = False

    def undo() -> None:
        for handler in handlers:
            handler.removeFilter(guard)
        logging.setLogRecordFactory(make)
        logging.raiseExceptions = raise_errors

    return undo


def _handlers(*places: logging.Logger | logging.Handler) -> Iterator[logging.Handler]:
    for place in places:
        if isinstance(place, logging.Handler):
            yield place
        else:
            yield from place.handlers


def describe(error: BaseException) -> str:
    """What went wrong and where in the code, in types and places only.

    Messages are left out, because a library puts the value that it chokes on into its message; those of our own
    errors hold none (`variance_bridge.errors`) and are kept. File names are left out, because they hold the name of
    the user's home folder.
    """
    lines: list[str] = []
    current: BaseException | None = error
    for _ in range(_CAUSES_SHOWN):
        if current is None:
            break
        lines += _describe_one(current)
        hidden = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or hidden
        if current is not None:
            lines.append("caused by")
    return "\n".join(lines)


def _describe_one(error: BaseException) -> Iterator[str]:
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    yield f"{name}: {error}" if isinstance(error, BridgeError) else name
    frames: list[str] = []
    step: TracebackType | None = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        module = step.tb_frame.f_globals.get("__name__", "?")
        frames.append(f"  at {module}:{step.tb_lineno} in {code.co_qualname}")
        step = step.tb_next
    yield from frames[-_FRAMES_SHOWN:]


def install_exception_hooks(
    personal: PersonalValues, stream: TextIO | None = None
) -> Callable[[], None]:
    """Report uncaught exceptions of any thread without a value in them.

    Args:
        personal: what is redacted from the report.
        stream: where to; standard error by default.

    Returns:
        A function that undoes it.
    """

    def report(error: BaseException | None) -> None:
        if error is None or isinstance(error, SystemExit):
            return
        place = stream or sys.stderr
        if isinstance(error, KeyboardInterrupt):
            place.write("interrupted\n")
            return
        place.write("This is a bug in Variance Bridge or in a plugin; please report it:\n")
        place.write(personal.redact(describe(error)) + "\n")

    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    sys.excepthook = lambda _kind, error, _trace: report(error)
    threading.excepthook = lambda failed: report(failed.exc_value)
    sys.unraisablehook = lambda failed: report(failed.exc_value)

    def undo() -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before

    return undo
