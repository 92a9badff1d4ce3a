"""The broker that reads position files: which file, which dialect, which accounts; the reading itself is pure."""

from __future__ import annotations

import copy
import difflib
import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import attrs

from variance_bridge.broker import Account, BrokerContext, RawPortfolio
from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.model import Portfolio, utc
from variance_bridge_csv.accounts import Holdings, Reading, read, stated_time
from variance_bridge_csv.dialect import library
from variance_bridge_csv.dialect.file import read_dialect
from variance_bridge_csv.dialect.library import KnownDialect
from variance_bridge_csv.dialect.model import Dialect
from variance_bridge_csv.file import detection
from variance_bridge_csv.file import input as input_file
from variance_bridge_csv.file.detection import Candidate, Detector, Trial
from variance_bridge_csv.file.input import InputFile
from variance_bridge_csv.file.layout import Layout, find_header, lay_out
from variance_bridge_csv.file.lines import split
from variance_bridge_csv.portfolio import notes, portfolio
from variance_bridge_csv.settings import CsvSettings

logger = logging.getLogger(__name__)

CLOCK_TOLERANCE = timedelta(seconds=120)
"""How far in the future a file's time may lie (the same as for documents, DESIGN §6)."""


@attrs.frozen
class _Source:
    """The file of this run, read once, so that all accounts come from the same bytes."""

    file: InputFile
    known: KnownDialect
    candidate: Candidate
    reading: Reading
    fetched_at: datetime
    time_from_file: bool


class CsvBroker:
    """Reads what a broker exported."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context
        self._settings: CsvSettings = context.settings or CsvSettings()
        self._source: _Source | None = None

    def accounts(self) -> Sequence[Account]:
        """The accounts that the file names, in its order; one without a number where it names none.

        Raises:
            UsageError, ConfigurationError: no file was named, or a dialect is faulty.
            DataRefused: the file is not a positions file that can be relied upon.
        """
        source = self._open()
        return [
            Account(
                number=_number(holdings, source.file),
                nickname=holdings.label or source.file.nickname,
                currency=source.candidate.dialect.account.currency,
                details={"place": place},
            )
            for place, holdings in enumerate(source.reading.accounts)
        ]

    def fetch(self, account: Account) -> RawPortfolio:
        """The file's text with the dialect to read it by, and when it was true. Raises as `accounts`."""
        source = self._open()
        return RawPortfolio(
            account=account,
            payloads={
                "file": source.file.shown,
                "text": source.candidate.text.text,
                "dialect": copy.deepcopy(dict(source.known.table)),
                "time_from_file": source.time_from_file,
            },
            fetched_at=source.fetched_at,
        )

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The account's positions. Pure.

        Raises:
            DataRefused: the text is not what its dialect says, or the account is not in it.
        """
        where = _payload(raw, "file", str)
        dialect = read_dialect(_payload(raw, "dialect", Mapping), "the dialect of the payload")
        layout = _laid_out(_payload(raw, "text", str), dialect, where)
        reading = read(layout, dialect, raw.fetched_at.date(), where)
        return portfolio(
            reading,
            _of_account(reading, raw.account, where),
            dialect,
            fetched_at=raw.fetched_at,
            time_from_file=_payload(raw, "time_from_file", bool),
        )

    def _open(self) -> _Source:
        if self._source is None:
            self._source = self._read()
            self._tell(self._source)
        return self._source

    def _read(self) -> _Source:
        known = library.load(self._context.folder)
        dialects = {name: one.dialect for name, one in known.items()}
        wanted = self._settings.dialect
        if wanted is not None and wanted not in dialects:
            raise _unknown_dialect(wanted, dialects)
        path = input_file.choose(self._context.input_file, self._settings.input_folder)
        patterns = [name for one in dialects.values() for name in one.file.names]
        file = input_file.read(path, patterns)
        candidate = _candidate(file, dialects, wanted)
        layout = lay_out(candidate.rows, candidate.header, candidate.dialect, file.shown)
        fetched_at, time_from_file = self._time(layout, candidate.dialect, file)
        reading = read(layout, candidate.dialect, fetched_at.date(), file.shown)
        return _Source(
            file, known[candidate.dialect.name], candidate, reading, fetched_at, time_from_file
        )

    def _time(self, layout: Layout, dialect: Dialect, file: InputFile) -> tuple[datetime, bool]:
        """When the file was true, and whether that is only its modification time."""
        stated, day = stated_time(layout, dialect)
        moment = file.modified_at if stated is None else utc(stated)
        if day is not None:
            moment = min(moment, file.modified_at)
        if moment - self._context.clock.now() > CLOCK_TOLERANCE:
            raise DataRefused(
                "the file's time lies in the future",
                where=file.shown,
                hint="check this computer's clock and zone, and export the positions again",
            )
        return moment, stated is None

    def _tell(self, source: _Source) -> None:
        """Personal values to those who keep them out, and to the user what is worth knowing."""
        personal = self._context.personal
        for text in (source.file.account, source.file.nickname or ""):
            if text:
                personal.add(text)
        for holdings in source.reading.accounts:
            for text in (holdings.account, holdings.label or ""):
                if text:
                    personal.add(text)
        dialect = source.candidate.dialect
        logger.info(
            "read as %s: %s, header on line %d, %d columns, %d accounts",
            dialect.name,
            source.candidate.text.encoding,
            source.candidate.header.row.line,
            source.candidate.header.width,
            len(source.reading.accounts),
        )
        for passed in source.reading.passed:
            logger.debug("line %d: %s, no position", passed.line, passed.row_class.value)
        if source.candidate.text.assumed:
            self._context.warn(
                f"{source.file.shown}: not UTF-8; read as {source.candidate.text.encoding}"
            )
        for note in notes(
            source.reading,
            dialect,
            fetched_at=source.fetched_at,
            time_from_file=source.time_from_file,
        ):
            self._context.warn(f"{source.file.shown}: {note}")


def _candidate(file: InputFile, dialects: Mapping[str, Dialect], wanted: str | None) -> Candidate:
    detector = Detector(file.data, file.shown)
    if wanted is not None:
        return detection.forced(detector, dialects[wanted])
    day = file.modified_at.date()
    return detection.detect(
        detector,
        dialects,
        library.other_reports(),
        lambda candidate: _trial(candidate, day, file.shown),
    )


def _trial(candidate: Candidate, day: date, where: str) -> Trial:
    try:
        layout = lay_out(candidate.rows, candidate.header, candidate.dialect, where)
        reading = read(layout, candidate.dialect, day, where)
    except DataRefused:
        return Trial(0, 0, candidate.dialect.name)
    told = [one.position.sign_agrees for account in reading.accounts for one in account.kept]
    written = [(one.account, one.positions, one.rejected, one.flags) for one in reading.accounts]
    return Trial(told.count(True), told.count(False), written)


def _laid_out(text: str, dialect: Dialect, where: str) -> Layout:
    for delimiter in dialect.file.delimiters:
        rows = split(
            text, delimiter, spaces_around_quotes=dialect.file.spaces_around_quotes, where=where
        )
        header = find_header(rows, dialect)
        if header is not None and header.fits:
            return lay_out(rows, header, dialect, where)
    raise DataRefused(
        f'the text is not written in the dialect "{dialect.name}"', where=f"{where}, line 1"
    )


def _number(holdings: Holdings, file: InputFile) -> str:
    return holdings.account or file.account


def _of_account(reading: Reading, account: Account, where: str) -> Holdings:
    """The part of the account: by its place in the file where the number there is its own, else by its number.

    A part that names another account is never taken, whatever its place.
    """
    place = account.details.get("place")
    parts = [one for one in reading.accounts if one.account in {"", account.number}]
    if isinstance(place, int) and 0 <= place < len(reading.accounts):
        parts = [one for one in parts if one is reading.accounts[place]] or parts
    named = [one for one in parts if one.account]
    if len(parts) == 1 or named:
        return (named or parts)[0]
    raise DataRefused("the file has several accounts, and not this one", where=where)


def _payload(raw: RawPortfolio, name: str, kind: type[Any]) -> Any:
    value = raw.payloads.get(name)
    if not isinstance(value, kind):
        raise DataRefused(f"the recorded file has no {name}", hint="fetch it again")
    return value


def _unknown_dialect(wanted: str, dialects: Mapping[str, Dialect]) -> ConfigurationError:
    near = difflib.get_close_matches(wanted, dialects, n=1)
    return ConfigurationError(
        "there is no dialect of the name that the setting `dialect` has"
        + (f'; did you mean "{near[0]}"?' if near else ""),
        hint=f"known: {', '.join(sorted(dialects))}; your own go into the folder csv beside variance.toml",
    )
