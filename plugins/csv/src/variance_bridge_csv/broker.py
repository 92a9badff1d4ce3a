"""The broker that reads position files: which file, which dialect, which accounts; the reading itself is pure."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from variance_bridge import PersonalKind
from variance_bridge.broker import Account, BrokerContext, RawPortfolio
from variance_bridge.errors import DataRefused
from variance_bridge.masking import is_kind_of_account
from variance_bridge.model import Portfolio
from variance_bridge_csv.dialect_format import known_dialects
from variance_bridge_csv.file.input import required
from variance_bridge_csv.file_refusals import refuse_many_rejected
from variance_bridge_csv.notes import notes
from variance_bridge_csv.payload import pack, unpack
from variance_bridge_csv.portfolio import portfolio
from variance_bridge_csv.rows_by_account import AccountPart, ParsedFile
from variance_bridge_csv.settings import CsvSettings
from variance_bridge_csv.whole_file import Source, read_source

logger = logging.getLogger(__name__)


class CsvBroker:
    """Reads what a broker exported."""

    _source: Source | None = None

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

    def _open(self) -> Source:
        if self._source is None:
            self._source = self._read()
            refuse_many_rejected(
                self._source.parsed, self._settings.max_rejected_percent, self._source.file.shown
            )
            self._report(self._source)
        return self._source

    def _read(self) -> Source:
        path = required(self._context.input_file)
        known = known_dialects.load(self._context.folder)
        context = self._context
        wanted = self._settings.dialect
        return read_source(path, known, context.clock.now(), wanted, context.progress)

    def _report(self, source: Source) -> None:
        """Personal values to those who keep them out, and to the user what is worth knowing."""
        personal = self._context.personal
        named = [(source.file.account, source.file.nickname)]
        for number, nickname in [
            *named,
            *((each.account, each.label) for each in source.parsed.accounts),
        ]:
            if number:
                personal.add(number, PersonalKind.ACCOUNT_NUMBER)
            if nickname and not is_kind_of_account(nickname):
                personal.add(nickname, PersonalKind.NAME)
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
        for note in (*source.time.notes, *notes(parsed, source.time.moment.date())):
            self._context.warn(f"{shown}: {note}")


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
