"""The broker that reads position files: which file, which dialect, which accounts; the reading itself is pure."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import islice

import attrs

from variance_bridge.broker import Account, BrokerContext, RawPortfolio
from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.formatting import did_you_mean, printable
from variance_bridge.model import Caution, Portfolio
from variance_bridge_csv.accounts import AccountPart, ParsedFile, parse, read_rows
from variance_bridge_csv.dialect import library
from variance_bridge_csv.dialect.model import Dialect
from variance_bridge_csv.export_time import ExportTime, export_time, stated_time
from variance_bridge_csv.file.detection import Candidate, Detector, Trial, detect, forced
from variance_bridge_csv.file.input import InputFile, choose, read_input
from variance_bridge_csv.file.layout import lay_out
from variance_bridge_csv.file.xml import as_table
from variance_bridge_csv.payload import FileText, pack, unpack
from variance_bridge_csv.portfolio import notes, portfolio
from variance_bridge_csv.rejected import refuse_many_rejected
from variance_bridge_csv.settings import CsvSettings

logger = logging.getLogger(__name__)

CLOCK_TOLERANCE = timedelta(seconds=120)
"""How far in the future a file's time may lie (the same as for documents, DESIGN §6)."""


@attrs.frozen
class _Source:
    """The file of this run, read and parsed once, so that all accounts come from the same bytes."""

    file: InputFile
    candidate: Candidate
    text: FileText
    parsed: ParsedFile
    time: ExportTime


class CsvBroker:
    """Reads what a broker exported."""

    _source: _Source | None = None

    def __init__(self, context: BrokerContext) -> None:
        self._context = context
        self._settings: CsvSettings = context.settings or CsvSettings()

    def accounts(self) -> Sequence[Account]:
        """The accounts that the file names, in its order; one without a number where it names none.

        Raises:
            UsageError, ConfigurationError: no file was named, or a dialect is faulty.
            DataRefused: the file is not a positions file that can be relied upon.
        """
        source = self._open()
        return [
            Account(
                number=part.account or source.file.account,
                nickname=part.label or source.file.nickname,
                currency=source.parsed.dialect.account.currency,
                details={"place": place},
            )
            for place, part in enumerate(source.parsed.accounts)
        ]

    def fetch(self, account: Account) -> RawPortfolio:
        """The file's text with the dialect to read it by, and when it was true. Raises as `accounts`."""
        source = self._open()
        return RawPortfolio(
            account=account,
            payloads=pack(source.text, source.time.caution),
            fetched_at=source.time.moment,
        )

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The account's positions. Pure: the file of this run is not parsed again, and any other gives the same result.

        Raises:
            DataRefused: the text is not what its dialect says, or the account is not in it.
        """
        text, time_caution = unpack(raw)
        source = self._source
        parsed = source.parsed if source is not None and text == source.text else text.parse()
        return portfolio(
            parsed,
            _of_account(parsed, raw.account, text.where),
            fetched_at=raw.fetched_at,
            time_caution=time_caution,
        )

    def _open(self) -> _Source:
        if self._source is None:
            self._source = self._read()
            refuse_many_rejected(
                self._source.parsed, self._settings.max_rejected_percent, self._source.file.shown
            )
            self._report(self._source)
        return self._source

    def _read(self) -> _Source:
        known = library.load(self._context.folder)
        dialects = {name: one.dialect for name, one in known.items()}
        wanted = self._settings.dialect
        if wanted is not None and wanted not in dialects:
            raise _unknown_dialect(wanted, dialects)
        path = choose(self._context.input_file, self._settings.input_folder)
        patterns = [name for one in dialects.values() for name in one.file.names]
        file, data = read_input(path, patterns)
        elements = {one.file.xml_rows for one in dialects.values() if one.file.xml_rows}
        data = as_table(data, elements, file.shown)
        candidate = candidate_for(file, data, dialects, wanted)
        dialect = candidate.dialect
        layout = lay_out(candidate.lines(), candidate.header, dialect, file.shown)
        stated = stated_time(candidate.lines(), layout, dialect)
        time = self._time(file, dialect, stated)
        parsed = parse(candidate.lines(), layout, dialect, time.moment.date(), file.shown)
        if parsed.implied_date is not None:
            first_day = time.moment.date()
            time = self._time(file, dialect, stated, parsed.implied_date)
            if time.moment.date() != first_day:
                parsed = parse(candidate.lines(), layout, dialect, time.moment.date(), file.shown)
        text = FileText(
            file.shown, candidate.text.text, known[dialect.name].table, time.moment.date()
        )
        return _Source(file=file, candidate=candidate, text=text, parsed=parsed, time=time)

    def _time(
        self,
        file: InputFile,
        dialect: Dialect,
        stated: tuple[datetime | None, date | None],
        implied: date | None = None,
    ) -> ExportTime:
        """When the file was true."""
        found = export_time(
            file.modified_at,
            stated=stated[0],
            stated_day=stated[1],
            named_day=file.named_day,
            implied_day=implied,
            rules=dialect.time,
        )
        if found.moment - self._context.clock.now() > CLOCK_TOLERANCE:
            raise DataRefused(
                "the file's time lies in the future",
                where=file.shown,
                hint="check this computer's clock and zone, and export the positions again",
            )
        return found

    def _report(self, source: _Source) -> None:
        """Personal values to those who keep them out, and to the user what is worth knowing."""
        personal = self._context.personal
        for text in (source.file.account, source.file.nickname or ""):
            if text:
                personal.add(text)
        for part in source.parsed.accounts:
            for text in (part.account, part.label or ""):
                if text:
                    personal.add(text)
        candidate, parsed, shown = source.candidate, source.parsed, source.file.shown
        logger.info(
            "read as %s: %s, header on line %d, %d columns, %d accounts",
            candidate.dialect.name,
            candidate.text.encoding,
            candidate.header.row.line,
            candidate.header.width,
            len(parsed.accounts),
        )
        for row in parsed.skipped:
            logger.debug("line %d: %s, not a position", row.line, row.row_class.value)
        if candidate.text.assumed:
            self._context.warn(f"{shown}: not UTF-8; read as {candidate.text.encoding}")
        for note in (*source.time.notes, *notes(parsed)):
            self._context.warn(f"{shown}: {note}")


def candidate_for(
    file: InputFile, data: bytes, dialects: Mapping[str, Dialect], wanted: str | None = None
) -> Candidate:
    """How the file reads, by the dialect that is wanted or else by the one that is found.

    Raises:
        DataRefused: none fits, or more than one.
    """
    detector = Detector(data, file.shown)
    if wanted is not None:
        return forced(detector, dialects[wanted])
    day = file.modified_at.date()
    return detect(
        detector,
        dialects,
        library.other_reports(),
        lambda candidate, lines: _trial(candidate, lines, day, file.shown),
    )


def _trial(candidate: Candidate, lines: int | None, day: date, where: str) -> Trial:
    dialect = candidate.dialect
    try:
        layout = lay_out(islice(candidate.lines(), lines), candidate.header, dialect, where)
        sample = islice(candidate.lines(), lines)
        rows = read_rows(layout.table_rows(sample), dialect, day, where)
    except DataRefused as refusal:
        return Trial(0, 0, dialect.name, refusal=refusal)
    agrees = [row.position.sign_agrees for row in rows if row.position is not None]
    written = [(row.line, row.account, row.position, row.rejected) for row in rows]
    unread = sum(
        row.rejected is not None
        or (row.position is not None and Caution.NUMBER_UNREADABLE in row.position.cautions)
        for row in rows
    )
    return Trial(agrees.count(True), agrees.count(False), written, unread)


def _of_account(parsed: ParsedFile, account: Account, where: str) -> AccountPart:
    """The part of the account: by its place in the file where the number there is its own, else by its number.

    A part that names another account is never taken, whatever its place.
    """
    place = account.details.get("place")
    parts = [part for part in parsed.accounts if part.account in {"", account.number}]
    if isinstance(place, int) and 0 <= place < len(parsed.accounts):
        parts = [part for part in parts if part is parsed.accounts[place]] or parts
    named = [part for part in parts if part.account]
    if len(parts) == 1 or named:
        return (named or parts)[0]
    raise DataRefused("the file has several accounts, and not this one", where=where)


def _unknown_dialect(wanted: str, dialects: Mapping[str, Dialect]) -> ConfigurationError:
    return ConfigurationError(
        f'there is no dialect "{printable(wanted, limit=60)}"{did_you_mean(wanted, dialects)}',
        hint=f"known: {', '.join(sorted(dialects))}; your own go into the folder csv beside variance.toml",
    )
