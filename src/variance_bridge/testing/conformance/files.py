"""How a broker that reads files behaves towards them: it reads one, and half a file is not a small portfolio."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import attrs

from variance_bridge.errors import BridgeError, DataRefused
from variance_bridge.testing.blockade import Kind
from variance_bridge.testing.canaries import PLANTED, shows
from variance_bridge.testing.case_decorator import Complaints, case
from variance_bridge.testing.conformance.conformance_case import ConformanceCase, PayloadTree
from variance_bridge.testing.payloads.trees import Table
from variance_bridge.testing.recorded_run import RecordedRun, describe_exception, run_recording
from variance_bridge.testing.recordings import Recording

_NO_POSITIONS = {
    "an HTML page": b"<html><body><p>Your session has expired</p></body></html>\n",
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
    "an archive": b"PK\x03\x04" + bytes(range(256)) * 4,
    "blanks": b" \n \n",
    "one word": b"garbage",
    "a table of something else": b"Name,Colour,Taste\napple,red,sweet\nlemon,yellow,sour\n",
}
_MARK = b"\xef\xbb\xbf"
_LOSS = frozenset({"possibly_truncated", "total_disagrees"})


class Files(ConformanceCase):
    """FILE: for brokers that read files."""

    @case("FILE-01")
    def test_a_missing_file_is_reported(self) -> Complaints:
        """A file that is not there is an error with an explanation, and so is no file at all."""
        for recording in self.recordings():
            gone = attrs.evolve(recording, file=None)
            none = attrs.evolve(gone, file_name=None)
            yield from self._must_refuse(gone, "with a file that is not there", BridgeError)
            yield from self._must_refuse(none, "without a file", BridgeError)

    @case("FILE-02")
    def test_an_empty_file_is_refused(self) -> Complaints:
        """A file without a byte is DataRefused, and no account that holds nothing."""
        yield from self._refuses("an empty file", b"")

    @case("FILE-03")
    def test_a_file_of_something_else_is_refused(self) -> Complaints:
        """A page, a picture, an archive and a table of something else are DataRefused."""
        for what, data in _NO_POSITIONS.items():
            yield from self._refuses(what, data)

    @case("FILE-04")
    def test_a_file_without_its_header_is_refused(self) -> Complaints:
        """Without the line that names the columns nothing is known of them: DataRefused."""
        for recording, table, rows in self._recorded_tables():
            text = table.render(table.cells[rows[0] :])
            changed = attrs.evolve(recording, file=text.encode())
            yield from self._must_refuse(changed, "without its header", DataRefused)

    @case("FILE-05")
    def test_a_file_that_breaks_off_is_refused_or_says_so(self) -> Complaints:
        """A file that ends in the middle of a row is DataRefused, or says that rows may be missing.

        A smaller portfolio that looks complete would take the place of the whole one.
        """
        for recording, table, rows in self._recorded_tables():
            for row in {rows[len(rows) // 2], rows[-1]}:
                whole = table.render(table.cells[:row])
                line = table.render([table.cells[row]])
                cut = f"{whole}{table.line_end}{line[: len(line) // 2]}"
                after = run_recording(self.subject(), attrs.evolve(recording, file=cut.encode()))
                if after.error is None and not _admits_a_loss(after):
                    yield f"{recording.name}: cut off in line {row + 1}, it passes for whole"
                elif after.error is not None and not isinstance(after.error, DataRefused):
                    yield f"{recording.name}: cut off in line {row + 1}, {self._describe(after)}"

    @case("FILE-06")
    def test_line_ends_and_a_byte_order_mark_change_nothing(self) -> Complaints:
        """The same text with other line ends, or with a byte order mark, is the same portfolio."""
        for run in self.recorded_runs():
            plain = (run.recording.file or b"").replace(b"\r\n", b"\n").removeprefix(_MARK)
            ways = {
                "with line feeds": plain,
                "with carriage returns and line feeds": plain.replace(b"\n", b"\r\n"),
                "with a byte order mark": _MARK + plain,
            }
            for how, data in ways.items():
                after = run_recording(self.subject(), attrs.evolve(run.recording, file=data))
                if _positions(after) != _positions(run):
                    yield f"{run.recording.name}: {how}, it is another portfolio"

    @case("FILE-07")
    def test_nothing_is_written(self) -> Complaints:
        """The file is left as it was, and nothing is written beside it."""
        for run in self.recorded_runs():
            for name in run.left_behind:
                yield f"{run.recording.name}: {name} was written"

    @case("FILE-08")
    def test_it_uses_no_network(self) -> Complaints:
        """A broker that reads files opens no connection and starts no process."""
        yield from self._file_strays(Kind.NETWORK, Kind.PROCESSES)

    @case("FILE-09")
    def test_it_looks_at_no_clock_of_its_own(self) -> Complaints:
        """The time comes from the file or from its date of change, and the present from `context.clock`."""
        yield from self._file_strays(Kind.CLOCK)

    def _file_strays(self, *kinds: Kind) -> Complaints:
        for run in self.recorded_runs():
            watched = run_recording(self.subject(), run.recording, block=kinds)
            yield from (f"{run.recording.name}: {one}" for one in watched.blocked_calls)

    @case("FILE-10")
    def test_an_old_file_stays_old(self) -> Complaints:
        """A file that is synced three days later is still of the day on which it was exported."""
        for run in self.recorded_runs():
            again = run_recording(self.subject(), run.recording, later=timedelta(days=3))
            for before, after in zip(run.account_runs, again.account_runs, strict=False):
                if after.raw.fetched_at != before.raw.fetched_at:
                    yield f"{before.name}: synced later, it counts as newer"

    @case("FILE-11")
    def test_no_error_quotes_the_file(self) -> Complaints:
        """An error says in which line and column, and never what stands there."""
        name = PLANTED["owner"].encode()
        for recording in self.recordings():
            data = recording.file or b""
            first, _, rest = data.partition(b"\n")
            for changed in (name, name + b"\n" + rest, first + b"\n" + b",".join([name] * 40)):
                after = run_recording(self.subject(), attrs.evolve(recording, file=changed))
                if shows(f"{after.error} {getattr(after.error, 'hint', '')}"):
                    yield f"{recording.name}: the error quotes the file"

    def _recorded_tables(self) -> Iterator[tuple[Recording, Table, tuple[int, ...]]]:
        """Each recorded file as a table, with the indexes of its rows."""
        by_act = {payload.name: payload for payload in self.payload_trees()}
        for run in self.recorded_runs():
            for payload in (by_act[account_run.name] for account_run in run.account_runs[:1]):
                yield from ((run.recording, *one) for one in _table_of(payload))

    def _refuses(self, what: str, data: bytes) -> Complaints:
        for recording in self.recordings():
            changed = attrs.evolve(recording, file=data)
            yield from self._must_refuse(changed, f"with {what}", DataRefused)

    def _must_refuse(self, recording: Recording, how: str, wanted: type[BridgeError]) -> Complaints:
        after = run_recording(self.subject(), recording)
        if after.error is None:
            yield f"{recording.name}: {how}, it is taken for an account"
        elif not isinstance(after.error, wanted):
            yield f"{recording.name}: {how}, {self._describe(after)}"

    def _describe(self, run: RecordedRun) -> str:
        problem = run.error or TypeError()
        return f"it ends with {describe_exception(problem, self.subject().package)}"


def _table_of(payload: PayloadTree) -> Iterator[tuple[Table, tuple[int, ...]]]:
    for rows in payload.lists:
        table = payload.sources.tables.get(str(rows.place[0]))
        if table is not None:
            yield table, rows.rows


def _positions(run: RecordedRun) -> list[object]:
    return [account_run.portfolio.positions for account_run in run.account_runs]


def _admits_a_loss(after: RecordedRun) -> bool:
    """Whether the document says that rows may be missing."""
    flags = {
        flag.caution.value
        for account_run in after.account_runs
        for flag in account_run.portfolio.meta.flags
    }
    rejected = any(account_run.portfolio.meta.rejected for account_run in after.account_runs)
    return rejected or bool(flags & _LOSS)
