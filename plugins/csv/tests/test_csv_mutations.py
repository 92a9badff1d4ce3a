"""What happens to files on their way: each dialect's file, changed in every way that mail, editors and spreadsheets change files.

Whatever was done to it, a file gives the same document, or less of it and says so, or a precise refusal: never a wrong number.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from variance_bridge.document.convert import to_document
from variance_bridge.errors import DataRefused
from variance_bridge.pipeline.contradictory_rows import settle
from variance_bridge_csv.dialect_format import known_dialects
from variance_bridge_csv.dialect_format.dialect_options import Completeness

pytestmark = pytest.mark.slow

FILES = sorted(
    path
    for path in (Path(__file__).parent / "files").glob("*.csv")
    if path.stem != "variance_short_row"  # It is damaged already.
)
NUMBER = re.compile(r"[-+($']*[0-9][0-9.,]*[)%]?")
DATE = re.compile(r"(?P<month>[A-Z][a-z]{2}) (?P<day>[0-9]{1,2}),? (?P<year>20[0-9]{2})")
ISO = re.compile(r"(?P<year>20[0-9]{2})-(?P<month>[01][0-9])-(?P<day>[0-3][0-9])")
NEAR = Decimal("0.02")
"""A value that is computed from a price instead of read differs from it as much as the price was rounded."""
NOTICES = {"possibly_truncated", "total_disagrees", "balances_missing"}


def rows_of(data):
    text = data.decode("utf-8-sig")
    return [next(csv.reader([line]), []) for line in text.splitlines()]


def written(rows, delimiter=",", quoting=csv.QUOTE_MINIMAL, end="\n"):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return out.getvalue().encode()


def text_of(data):
    return data.decode("utf-8-sig")


def table(rows):
    """The rows that are as wide as the widest, which are those of the table: their places."""
    width = max(map(len, rows))
    return [place for place, row in enumerate(rows) if width - 1 <= len(row) and row]


def mapped(data, change):
    rows = rows_of(data)
    return written([[change(cell) for cell in row] for row in rows])


def in_table(data, change):
    rows = rows_of(data)
    places = set(table(rows))
    return written([change(row) if place in places else row for place, row in enumerate(rows)])


def european(cell):
    return cell.translate(str.maketrans(",.", ".,")) if NUMBER.fullmatch(cell) else cell


def shuffled(row):
    """All cells in another order, the first two but for their places: they may say which part a line is of."""
    return [*row[:2], *reversed(row[2:])]


def excel_date(cell):
    cell = DATE.sub(lambda found: f"{found['day']}-{found['month']}-{found['year'][2:]}", cell)
    return ISO.sub(lambda found: f"{int(found['month'])}/{int(found['day'])}/{found['year']}", cell)


def without_zeros(cell):
    if re.fullmatch(r"[-$]*[0-9]+\.[0-9]*0", cell):
        return cell.rstrip("0").rstrip(".")
    return cell


def padded(data):
    rows = rows_of(data)
    width = max(map(len, rows))
    return written([[*row, *[""] * (width - len(row))] for row in rows])


def doubled(data):
    text = text_of(data)
    return (text.rstrip("\n") + "\n" + text).encode()


def with_a_total(data):
    rows = rows_of(data)
    width = max(map(len, rows))
    return written([*rows, ["TOTAL", *["12345.67"] * (width - 1)]])


def cut_in_a_row(data):
    lines = text_of(data).rstrip("\n").split("\n")
    last = max(place for place in table(rows_of(data)))
    kept = lines[: last + 1]
    return ("\n".join([*kept[:-1], kept[-1][: len(kept[-1]) // 2]])).encode()


def cut_at_a_line(data):
    lines = text_of(data).rstrip("\n").split("\n")
    return ("\n".join(lines[: max(table(rows_of(data)))]) + "\n").encode()


def without_a_column(data):
    """The last column that holds something in the table is gone."""
    rows = rows_of(data)
    places = table(rows)
    width = max(place for row in rows for place, cell in enumerate(row) if cell)
    return written(
        [
            row[:width] + row[width + 1 :] if place in set(places) else row
            for place, row in enumerate(rows)
        ]
    )


def mixed_ends(data):
    lines = text_of(data).rstrip("\n").split("\n")
    ends = itertools.cycle(("\r\n", "\r", "\n"))
    # A blank line behind "\r" would be a part of the end of the line before.
    return "".join(
        line + (next(ends) if line and following else "\n")
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
    ).encode()


@attrs.frozen
class Mutation:
    """A change, and whether the document must be the same after it."""

    name: str
    change: Callable[[bytes], bytes]
    same: bool = False


MUTATIONS = (
    Mutation("byte-order mark", lambda data: b"\xef\xbb\xbf" + text_of(data).encode(), True),
    Mutation("crlf", lambda data: text_of(data).replace("\n", "\r\n").encode(), True),
    Mutation("cr", lambda data: text_of(data).replace("\n", "\r").encode(), True),
    Mutation("mixed line ends", mixed_ends, True),
    Mutation("utf-16 le", lambda data: b"\xff\xfe" + text_of(data).encode("utf-16-le"), True),
    Mutation("utf-16 be", lambda data: b"\xfe\xff" + text_of(data).encode("utf-16-be"), True),
    Mutation("utf-16 unmarked", lambda data: text_of(data).encode("utf-16-le"), True),
    Mutation("all quoted", lambda data: written(rows_of(data), quoting=csv.QUOTE_ALL), True),
    Mutation("rewritten", lambda data: written(rows_of(data)), True),
    Mutation("no final line end", lambda data: data.rstrip(b"\r\n"), True),
    Mutation("latin-1", lambda data: text_of(data).encode("latin-1", "replace")),
    Mutation("column added first", lambda data: in_table(data, lambda row: ["x", *row])),
    Mutation("column added last", lambda data: in_table(data, lambda row: [*row, "x"])),
    Mutation("columns shuffled", lambda data: in_table(data, shuffled)),
    Mutation("padded", padded),
    Mutation("trailing comma", lambda data: written([[*row, ""] for row in rows_of(data)])),
    Mutation("semicolons", lambda data: written(rows_of(data), ";")),
    Mutation("tabs", lambda data: written(rows_of(data), "\t")),
    Mutation(
        "semicolons and decimal commas",
        lambda data: written([[european(cell) for cell in row] for row in rows_of(data)], ";"),
    ),
    Mutation("column missing", without_a_column),
    Mutation("cut in a row", cut_in_a_row),
    Mutation("cut at a line", cut_at_a_line),
    Mutation("twice", doubled),
    Mutation("total typed below", with_a_total),
    Mutation("excel dates", lambda data: mapped(data, excel_date)),
    Mutation(
        "excel formula errors",
        lambda data: mapped(
            data, lambda cell: "#NAME?" if re.fullmatch(r" ?-[A-Z]{1,6}[0-9]{6}.*", cell) else cell
        ),
    ),
    Mutation("excel zeros", lambda data: mapped(data, without_zeros)),
)


FOREIGN = b"Date,Action,Symbol,Quantity,Price,Amount\n01/02/2026,Buy,QZT,7,19.00,133.00\n"
MONEY = re.compile(r"[-+($']*[0-9][0-9,]*[.][0-9]+[)]?")


def example(name):
    return next(path for path in FILES if path.stem == name).read_bytes()


def below(content):
    return lambda data: data.rstrip() + b"\n\n" + content


def in_the_middle(change):
    """A change of a row in the middle of the table, which becomes one row or more."""

    def changed(data):
        rows = rows_of(data)
        places = table(rows)
        middle = places[len(places) // 2] if len(places) > 2 else places[-1]
        return written([*rows[:middle], *change(rows, rows[middle]), *rows[middle + 1 :]])

    return changed


def money_as(form):
    return lambda data: mapped(
        data, lambda cell: form.format(cell) if MONEY.fullmatch(cell) else cell
    )


def in_brackets(cell):
    found = re.fullmatch(r"-([$]?)([0-9][0-9,.]*)|([$])-([0-9][0-9,.]*)", cell)
    return f"({''.join(filter(None, found.groups()))})" if found else cell


def filled(form):
    return lambda data: mapped(
        data, lambda cell: form.format(cell) if cell and not cell.startswith(" ") else cell
    )


def header_in_lower_case(data):
    rows = rows_of(data)
    header = table(rows)[0]
    rows[header] = [cell.lower() for cell in rows[header]]
    return written(rows)


NEIGHBOURS = (
    Mutation("transactions below", below(FOREIGN)),
    Mutation("transactions right below", lambda data: data.rstrip() + b"\n" + FOREIGN),
    Mutation("schwab below", below(example("schwab_all_accounts"))),
    Mutation("tastytrade below", below(example("tastytrade_2021"))),
    Mutation("fidelity below", below(example("fidelity"))),
    Mutation("twice with blanks between", lambda data: below(text_of(data).encode())(data)),
    Mutation("text in the middle", in_the_middle(lambda _rows, row: [["As of the close."], row])),
    Mutation("header in the middle", in_the_middle(lambda rows, row: [rows[table(rows)[0]], row])),
    Mutation("nul byte", in_the_middle(lambda _rows, row: [[row[0][:1] + "\0", *row[1:]]])),
    Mutation("cell lost", in_the_middle(lambda _rows, row: [[*row[:2], *row[3:]]])),
    Mutation("blank lines between", lambda data: text_of(data).replace("\n", "\n\n").encode()),
    Mutation("blank lines above", lambda data: b"\n\n\n" + text_of(data).encode()),
    Mutation("separator named above", lambda data: b"sep=,\n" + text_of(data).encode()),
    Mutation("negative numbers in brackets", lambda data: mapped(data, in_brackets)),
    Mutation("currency before", money_as("USD {}")),
    Mutation("currency behind", money_as("{} USD")),
    Mutation("euro sign", money_as("\u20ac{}")),
    Mutation("percent", money_as("{}%")),
    Mutation(
        "minus of typesetters",
        lambda data: mapped(
            data, lambda cell: cell.replace("-", "\u2212") if NUMBER.fullmatch(cell) else cell
        ),
    ),
    Mutation("blanks around cells", filled(" {} ")),
    Mutation("no-break blanks around cells", filled("\u00a0{}\u00a0")),
    Mutation("decimal commas", lambda data: mapped(data, european)),
    Mutation("header in lower case", header_in_lower_case),
    Mutation("spreadsheet guards", filled('="{}"')),
    Mutation(
        "scientific numbers",
        lambda data: mapped(
            data,
            lambda cell: (
                f"{float(cell):.5E}" if re.fullmatch(r"[0-9]{4,}[.]?[0-9]*", cell) else cell
            ),
        ),
    ),
)
"""Of the same kinds as the mutations, and found by nobody yet."""


def columns_twice(data):
    rows = rows_of(data)
    places = set(table(rows))
    return written(
        [[*row, *row[1:2]] if place in places else row for place, row in enumerate(rows)]
    )


def with_decimal_commas(cell):
    found = MONEY.fullmatch(cell)
    return cell.replace(",", "").replace(".", ",") if found else cell


def without_a_minus(row):
    for place, cell in enumerate(row):
        if re.fullmatch(r"[$]?-[$]?[0-9.,]+", cell):
            return [*row[:place], cell.replace("-", ""), *row[place + 1 :]]
    return row


def broken(cell):
    """A cell with a line break in it, where it is text."""
    return f"{cell[:3]}\n{cell[3:]}" if len(cell) > 4 and not re.search("[0-9]", cell) else cell


def with_an_open_quote(data):
    lines = text_of(data).splitlines()
    place = table(rows_of(data))[-1]
    first, comma, rest = lines[place].partition(",")
    return "\n".join([*lines[:place], f'{first}{comma}"{rest}', *lines[place + 1 :], ""]).encode()


def with_headers_swapped(data):
    """The names of two neighbouring columns change places, in the middle of the header."""
    rows = rows_of(data)
    for place in table(rows):
        if not any(re.search("[0-9]", cell) for cell in rows[place]):
            row, middle = rows[place], len(rows[place]) // 2
            rows[place] = [*row[:middle], row[middle + 1], row[middle], *row[middle + 2 :]]
    return written(rows)


PAGE_FOOTER = [["Page 1 of 2"], ["Prices, as of 12/31/2025, may be delayed."]]
SLIPS = (
    Mutation("two headers swapped", with_headers_swapped),
    Mutation("a column twice", columns_twice),
    Mutation(
        "decimal commas in one row",
        in_the_middle(lambda _rows, row: [[with_decimal_commas(cell) for cell in row]]),
    ),
    Mutation("minus lost in one row", in_the_middle(lambda _rows, row: [without_a_minus(row)])),
    Mutation("one row twice", in_the_middle(lambda _rows, row: [row, row])),
    Mutation("a page ends in the middle", in_the_middle(lambda _rows, row: [*PAGE_FOOTER, row])),
    Mutation(
        "line break in a cell",
        in_the_middle(lambda _rows, row: [[broken(cell) for cell in row]]),
    ),
    Mutation("quote left open", with_an_open_quote),
    Mutation(
        "a row in quotes", in_the_middle(lambda _rows, row: [[written([row]).decode().strip()]])
    ),
)
"""Slips of a hand or a program in one place: what is wrong then is flagged, where anything in the file contradicts it."""
UNSEEN = {
    ("minus lost in one row", "fidelity"),  # pending cash: no total to compare with
    ("minus lost in one row", "ibkr_risk_navigator"),  # a quantity: no amount to compare with
    ("minus lost in one row", "merrill_holdings"),  # a gain: no cost to compare with
    ("two headers swapped", "merrill_cob"),  # quantity and price: their product is the same
    ("two headers swapped", "vanguard_web"),
}
"""Where nothing in a file contradicts a slip."""


def test_there_are_as_many_mutations_as_were_found_in_the_wild():
    assert len({mutation.name for mutation in MUTATIONS}) == 27


@pytest.fixture(scope="module")
def untouched():
    return {}


@pytest.mark.parametrize(
    "mutation", [*MUTATIONS, *NEIGHBOURS], ids=lambda one: one.name.replace(" ", "_")
)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_changed_file_gives_the_same_or_less_or_a_refusal_but_no_wrong_number(
    read_csv, untouched, path, mutation
):
    data = path.read_bytes()
    name = path.stem
    if name not in untouched:
        untouched[name] = read_csv(data).documents
    outcome, refusal = read_or_refused(read_csv, mutation.change(data))
    if mutation.same:
        assert refusal is None
        assert outcome.documents == untouched[name]
        return
    if refusal is not None:
        assert refusal.where
        assert refusal.hint
        return
    fault = wrong_number(outcome.documents, untouched[name])
    assert fault is None, fault
    if holds(outcome.documents) < holds(untouched[name]) and not said(outcome):
        # Only where the format has nothing at its end may a file that was cut at a line end pass.
        assert mutation.name == "cut at a line"
        assert ends_without_a_mark(outcome)


@pytest.mark.parametrize("mutation", SLIPS, ids=lambda one: one.name.replace(" ", "_"))
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_slip_in_one_place_is_refused_rejected_or_flagged(read_csv, path, mutation):
    data = path.read_bytes()
    changed = mutation.change(data)
    outcome, refusal = read_or_refused(read_csv, changed)
    if refusal is not None:
        assert refusal.where
        assert refusal.hint
        return
    before, after = published(read_csv(data)), published(outcome)
    if (mutation.name, path.stem) in UNSEEN or after == before:
        return
    fault = wrong_number(after, before)
    if fault is not None or holds(after) < holds(before):
        assert doubts(after) - doubts(before), fault


def published(outcome):
    """The documents as a sync would write them, after it has looked for contradictions."""
    return [
        to_document(
            settle(
                attrs.evolve(one, meta=attrs.evolve(one.meta, account_hash="a1b2c3d4e5f6***"))
            ).portfolio
        )
        for one in outcome.portfolios
    ]


def doubts(documents):
    """What the documents say against themselves."""
    found = Counter()
    for document in documents:
        meta = document["meta"]
        found.update((one["caution"], one.get("symbol")) for one in meta.get("flags", []))
        found.update((one["reason"], one["row"]) for one in meta.get("rejected", []))
    return found


def read_or_refused(read_csv, data):
    try:
        return read_csv(data), None
    except DataRefused as refusal:
        return None, refusal


def holds(documents):
    return sum(len(document["positions"]) for document in documents)


def said(outcome):
    flags = {flag["caution"] for one in outcome.documents for flag in one["meta"].get("flags", [])}
    return (
        bool(NOTICES & flags)
        or any(document["meta"]["status"] != "complete" for document in outcome.documents)
        or any("not read" in warning for warning in outcome.warnings)
    )


def ends_without_a_mark(outcome):
    check = outcome.broker._source.parsed.dialect.check
    return check.completeness is Completeness.NONE and not check.subtotals


def wrong_number(documents, originals):
    """The first thing in the documents that the originals do not have."""
    left = [one for document in originals for one in document["positions"]]
    for document in documents:
        for position in document["positions"]:
            same = next((one for one in left if agrees(position, one)), None)
            if same is None:
                return f"no such position: {position}"
            left.remove(same)
    stated = [document.get("balances") for document in originals]
    for document in documents:
        if document.get("balances") is not None and document["balances"] not in stated:
            return f"no such balances: {document['balances']}"
    return None


def agrees(position, original):
    if any(
        position.get(key) != original.get(key) for key in ("symbol", "side", "quantity", "type")
    ):
        return False
    for key, value in flat(position).items():
        if isinstance(value, Decimal | int) and not near(value, flat(original).get(key)):
            return False
    return True


def flat(position):
    return {**position, **position.get("quote", {}), **position.get("greeks", {})}


def near(value, original):
    return original is None or abs(value - original) <= NEAR * abs(original)


def test_every_shipped_dialect_is_mutated(read_csv):
    seen = {read_csv(path.read_bytes()).broker._source.parsed.dialect.name for path in FILES}
    unnamed = {
        name for name, one in known_dialects.load(None).items() if not one.dialect.detect.only_named
    }
    assert seen == unnamed
