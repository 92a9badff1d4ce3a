"""No personal value in a log record or in the report of a crash."""

from __future__ import annotations

import io
import logging
import sys
import threading

import pytest

from variance_bridge.cli.log_redaction import describe, install_exception_hooks, install_redaction
from variance_bridge.errors import BrokerUnreachable
from variance_bridge.personal_values import PersonalValues, Secret

CANARY = "canary-5WX00001-value"
FORMAT = "%(levelname)s %(name)s %(message)s %(payload)s"


@pytest.fixture
def personal():
    values = PersonalValues()
    values.add(CANARY)
    return values


@pytest.fixture
def log(personal):
    """A logger with one handler, all of it redacted; its text so far."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(FORMAT, defaults={"payload": "-"}))
    logger = logging.getLogger("trust.redaction")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    undo = install_redaction(personal, logger)
    yield logger, stream
    undo()
    logger.removeHandler(handler)


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(CANARY)


def test_message_and_arguments_are_redacted(log) -> None:
    logger, stream = log
    logger.info(f"message {CANARY}")  # noqa: G004
    logger.info("argument %s and %r", CANARY, [CANARY])
    logger.info("mapping %(a)s", {"a": CANARY})
    logger.info("bytes %s", CANARY.encode())
    assert stream.getvalue().count("***") == 5
    assert CANARY not in stream.getvalue()


def test_extra_fields_are_redacted(log) -> None:
    logger, stream = log
    logger.info("extra", extra={"payload": CANARY})
    logger.info("extra", extra={"payload": {"deep": [CANARY]}})
    logger.info("extra", extra={"payload": CANARY.encode()})
    assert stream.getvalue().count("***") == 3
    assert CANARY not in stream.getvalue()


def test_extra_fields_without_personal_values_keep_their_type(personal) -> None:
    seen = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.payload)

    handler = Keep()
    undo = install_redaction(personal, handler)
    logger = logging.getLogger("trust.types")
    logger.addHandler(handler)
    logger.warning("n", extra={"payload": 17})
    logger.removeHandler(handler)
    undo()
    assert seen == [17]


def test_exceptions_are_logged_by_type_and_place_without_message(log) -> None:
    logger, stream = log
    try:
        _crash(f"hidden-value {CANARY}")
    except RuntimeError:
        logger.exception("it failed", stack_info=True)
    text = stream.getvalue()
    assert "ValueError" in text
    assert "test_exceptions_are_logged_by_type_and_place_without_message" in text
    assert CANARY not in text
    assert "hidden-value" not in text


@pytest.mark.usefixtures("log")
def test_a_handler_that_is_added_later_is_covered_too() -> None:
    late = io.StringIO()
    handler = logging.StreamHandler(late)
    other = logging.getLogger("some.plugin")
    other.addHandler(handler)
    try:
        _crash(CANARY)
    except RuntimeError:
        other.exception("late %s", CANARY)
    other.removeHandler(handler)
    assert "ValueError" in late.getvalue()
    assert CANARY not in late.getvalue()


def test_a_record_that_cannot_be_formatted_is_blanked_and_stops_nothing(log, capsys) -> None:
    logger, stream = log
    logger.info("%s", Unprintable(), extra={"payload": CANARY})
    logger.info("%d", CANARY)
    assert CANARY not in stream.getvalue()
    assert CANARY not in capsys.readouterr().err
    assert stream.getvalue().count("a log record that cannot be shown") == 2


def test_a_value_that_is_added_later_is_redacted_too(log, personal) -> None:
    logger, stream = log
    personal.add(Secret("later-canary"))
    logger.info("later-canary")
    assert "later-canary" not in stream.getvalue()


def test_redaction_can_be_undone(personal) -> None:
    factory = logging.getLogRecordFactory()
    raises = logging.raiseExceptions
    handler = logging.StreamHandler(io.StringIO())
    undo = install_redaction(personal, handler)
    assert logging.getLogRecordFactory() is not factory
    undo()
    assert logging.getLogRecordFactory() is factory
    assert logging.raiseExceptions is raises
    assert handler.filters == []


def _crash(value: str) -> None:
    local_variable = value
    try:
        int(local_variable)
    except ValueError as error:
        raise RuntimeError(f"payload {local_variable}") from error


def test_a_crash_is_described_by_types_and_places_only() -> None:
    with pytest.raises(RuntimeError) as caught:
        _crash("hidden-value")
    text = describe(caught.value)
    assert "RuntimeError" in text
    assert "caused by\nValueError" in text
    assert "in _crash" in text
    assert "hidden-value" not in text
    assert "/" not in text


def test_our_own_errors_are_described_with_their_words() -> None:
    text = describe(BrokerUnreachable("the broker answered 503 three times"))
    assert text == "variance_bridge.errors.BrokerUnreachable: the broker answered 503 three times"


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert describe(first).count("ValueError") == 5


def test_uncaught_exceptions_of_every_thread_are_reported_without_values(personal) -> None:
    stream = io.StringIO()
    undo = install_exception_hooks(personal, stream)
    try:
        thread = threading.Thread(target=_crash, args=(CANARY,))
        thread.start()
        thread.join()
        try:
            _crash("hidden-value")
        except RuntimeError as error:
            sys.excepthook(type(error), error, error.__traceback__)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(CANARY), None)
        sys.excepthook(SystemExit, SystemExit(CANARY), None)
    finally:
        undo()
    text = stream.getvalue()
    assert text.count("please report it") == 2
    assert text.count("RuntimeError") == 2
    assert text.endswith("interrupted\n")
    assert CANARY not in text
    assert "hidden-value" not in text
    assert sys.excepthook is not undo
