"""What a dialect says: how one kind of position file is written and what its words and signs mean.

A dialect is data (a TOML file, see docs/dialects.md); these classes are its shape, one class per table of the file, and
`variance_bridge_csv.dialect_format.dialect_file` is the only reader. The field names are the keys of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct, field

from variance_bridge.symbology import InstrumentType
from variance_bridge_csv.dialect_format import regular_expressions

DESCRIPTION_VERSION = 1
"""The version of this description language that is read here (key `description`)."""

HINT = "docs/dialects.md explains every key"


class Field(StrEnum):
    """What a column can mean. `docs/dialects.md` explains each; the names are the keys of `[columns]`."""

    ACCOUNT = "account"
    ACCOUNT_LABEL = "account_label"
    SYMBOL = "symbol"
    UNDERLYING = "underlying"
    DESCRIPTION = "description"
    TYPE = "type"
    LEVEL = "level"
    ROW_KIND = "row_kind"
    QUANTITY = "quantity"
    SIDE = "side"
    OPTION_TYPE = "option_type"
    STRIKE = "strike"
    EXPIRATION = "expiration"
    DTE = "dte"
    MULTIPLIER = "multiplier"
    CURRENCY = "currency"
    RATE_TO_BASE = "rate_to_base"
    COST_PER_UNIT = "cost_per_unit"
    COST_TOTAL = "cost_total"
    MARK = "mark"
    LAST = "last"
    BID = "bid"
    ASK = "ask"
    UNDERLYING_PRICE = "underlying_price"
    VALUE = "value"
    GAIN = "gain"
    DAY_GAIN = "day_gain"
    OPEN_DATE = "open_date"
    AS_OF_DATE = "as_of_date"
    SECTOR = "sector"
    DELTA = "delta"
    GAMMA = "gamma"
    THETA = "theta"
    VEGA = "vega"
    BETA_DELTA = "beta_delta"
    BETA_GAMMA = "beta_gamma"
    IMPLIED_VOLATILITY = "implied_volatility"


class RowClass(StrEnum):
    """What a row of the table is. Only `position` and `money_market` rows become positions."""

    POSITION = "position"
    MONEY_MARKET = "money_market"
    CASH = "cash"
    PENDING = "pending"
    LOT = "lot"
    SUBTOTAL = "subtotal"
    TOTAL = "total"
    LABEL = "label"
    FOOTER = "footer"
    IGNORE = "ignore"


class Sign(StrEnum):
    """What the sign of an amount of money means."""

    CASH_FLOW = "cash_flow"
    """Money that moved: paid is negative, received is positive."""
    POSITION = "position"
    """Worth or cost of the position: long positive, short negative; a debit is positive, a credit negative."""
    ABSOLUTE = "absolute"
    """Never signed; the side tells."""


class Basis(StrEnum):
    """What the price in a `cost_per_unit` column is for."""

    PER_UNIT = "per_unit"
    """One share, or one unit of an option's quoted price (no multiplier in it)."""
    PER_CONTRACT = "per_contract"
    """One contract, multiplier included."""


class Scope(StrEnum):
    """What a captured value belongs to."""

    FILE = "file"
    SECTION = "section"


class Where(StrEnum):
    """Where in the file a line is looked for."""

    BEFORE = "before"
    """Above the first header."""
    AFTER = "after"
    """Below it."""
    ANYWHERE = "anywhere"


class RepeatedHeader(StrEnum):
    """What it means when the header stands in the file a second time."""

    REFUSE = "refuse"
    SECTION = "section"
    CONTINUE = "continue"
    """The same table goes on: a broker repeats its header for each group or kind of instrument."""


class Marked(StrEnum):
    """How a file of several parts says to which part a line belongs."""

    BY_CELLS = "by_cells"
    """Each line begins with the part's name and with what the line is there: `Open Positions,Data,...`."""
    BY_TITLE = "by_title"
    """A line with nothing but the name stands above the part."""


class GreeksScope(StrEnum):
    """Whether greeks are those of the whole position or of one unit held long."""

    POSITION = "position"
    UNIT = "unit"


class MultiplierSource(StrEnum):
    """Where a multiplier may come from, in the order that the dialect lists."""

    COLUMN = "column"
    SYMBOL = "symbol"
    PRODUCT = "product"
    TYPE = "type"


class Completeness(StrEnum):
    """What the absence of a total row and of every `ends` capture says."""

    REQUIRED = "required"
    TOTAL = "total"
    """Each table with positions ends with a total row, whatever else stands at the end of the file."""
    NONE = "none"


class FileRules(Struct, frozen=True, kw_only=True):
    """`[file]`: from bytes to rows."""

    encodings: tuple[str, ...] = ("utf-8", "cp1252")
    """Tried in this order where no byte-order mark decides; all but the first are announced when they are used."""
    delimiters: tuple[str, ...] = (",",)
    """Each is tried; the one under which the header is found is right."""
    spaces_around_quotes: bool = False
    """Blanks between a quote and its delimiter are not part of the cell (`"a" ,"b"`)."""
    html_entities: bool = False
    """`&amp;` stands for `&`."""
    xml_rows: str | None = None
    """In an XML file, the name of the elements that are the rows; their attributes are the columns."""
    xml_error: str | None = None
    """In an XML file without rows, the name of the element with the broker's own message."""
    xml_inherits: tuple[str, ...] = ()
    """In an XML file, the attributes of the elements around a row that it has too, where it does not state them itself."""
    names: tuple[str, ...] = ()
    """Patterns of file names. The groups `account` and `nickname` are the account's number and the user's word for it, and are never
    shown; `date` is when it was exported. Never proof of a dialect."""


class DetectRules(Struct, frozen=True, kw_only=True):
    """`[detect]`: whether a header is this dialect's."""

    needs: tuple[Field, ...] = (Field.SYMBOL, Field.QUANTITY)
    """Fields that the header must have."""
    needs_one_of: tuple[tuple[Field, ...], ...] = ()
    """Of each of these groups, the header must have at least one field."""
    columns: tuple[str, ...] = ()
    """Column names that must be there although they mean no field (a date of the report, an identifier)."""
    forbids: tuple[str, ...] = ()
    """Column names that prove another kind of file (`Action`, `Order #`)."""
    evidence: tuple[str, ...] = ()
    """Column names that speak for this dialect where another fits as well."""
    before_header: str | None = None
    """Pattern of a line that must stand before the header."""
    date_like: str | None = None
    """Pattern of a date as only this dialect writes it: one of the first rows must have such a date."""
    fallback: bool = False
    """Considered only where no other dialect fits."""
    only_named: bool = False
    """Never chosen by itself, only where the user names it; what is read is flagged, and the columns are shown."""
    replaces: tuple[str, ...] = ()
    """Names of dialects that this one goes before where both fit."""
    also_for: str | None = None
    """Name of a dialect that differs in how numbers are written: where the user names that one, the numbers decide."""


class HeaderRules(Struct, frozen=True, kw_only=True):
    """`[header]`: where the header is, and what to make of its other columns."""

    search_lines: int = 60
    """How many lines from the start of the file the header is looked for."""
    not_with: tuple[str, ...] = ()
    """A row with one of these column names is a decoy."""
    repeats: RepeatedHeader = RepeatedHeader.REFUSE
    ends_at: tuple[tuple[str, ...], ...] = ()
    """A later row with all the column names of one of these groups starts another table: reading ends there."""
    known: tuple[str, ...] = ()
    """Columns that are read past without a word. Others that no field claims are reported as new."""
    loose: bool = False
    """Also match names without their blanks and punctuation (`Put/Call` = `PutCall`), when no better match exists."""
    duplicates: tuple[str, ...] = ()
    """Column names that may stand in the header more than once (the first one counts)."""
    copies: tuple[str, ...] = ()
    """Column names that may stand in the header twice and say the same: what one cell lacks is taken from the other."""


class Capture(Struct, frozen=True, kw_only=True):
    """`[[capture]]`: a line outside the table that tells something, by named groups.

    Groups: `account`, `account_label`, `date`, `time`, `zone`, `simulated`.
    """

    pattern: str
    scope: Scope = Scope.FILE
    where: Where = Where.ANYWHERE
    ends: bool = False
    """The line stands at the end of every complete file."""
    begins: bool = False
    """A file with this line is only complete if it has one that `ends`, too."""
    once: bool = False
    """A file in which it stands twice is two exports, and is refused."""


class RowRule(Struct, frozen=True, kw_only=True):
    """`[[row]]`: what a row is when all that is said here holds. The first rule that fits wins; none: a position."""

    is_: RowClass = field(name="is")
    type: InstrumentType | None = None
    """What the row is a position in, whatever its type column says."""
    words: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    """The cell of that column is one of these words (case and blanks do not matter)."""
    matches: Mapping[Field, str] = field(default_factory=dict)
    """The whole cell of that column matches."""
    empty: tuple[Field, ...] = ()
    filled: tuple[Field, ...] = ()
    one_of: tuple[Field, ...] = ()
    """At least one of these has a value."""
    width: int | None = None
    """The row has this many cells."""
    first_cell: str | None = None
    """The first cell, blanks kept, matches as a whole."""
    without: tuple[Field, ...] = ()
    """Amounts that mean nothing in such a row: they are not read."""


class RaggedRules(Struct, frozen=True, kw_only=True):
    """`[ragged]`: rows that are wider or narrower than the header."""

    extra_empty: bool = True
    """Empty cells beyond the header are no error."""
    short: tuple[RowClass, ...] = (
        RowClass.TOTAL,
        RowClass.SUBTOTAL,
        RowClass.LABEL,
        RowClass.FOOTER,
    )
    """Rows of these classes may have fewer cells than the header. A position never may: its values would shift."""


class LotRules(Struct, frozen=True, kw_only=True):
    """`[lots]`: rows that are tax lots."""

    sum: bool = False
    """Where the file has no row for a position, it is the sum of its lots. Else lots are always passed over."""


class CellRules(Struct, frozen=True, kw_only=True):
    """`[cells]`: how values are spelled. A cell matches as a whole or is unreadable; nothing is guessed per cell."""

    nulls: tuple[str, ...] = ("", "--")
    """Spellings of "unknown", which is never zero."""
    column_nulls: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    """Further such spellings, for one column."""
    decimal: str = "."
    thousands: str = ","
    """"" for files without."""
    currency_signs: tuple[str, ...] = ("$",)
    parentheses: bool = True
    """(5) is -5."""
    trailing_minus: bool = False
    fractions: bool = False
    """117'22 is 117 and 22 of the product's fraction (32nds for treasury futures, 64ths for options on them)."""
    excel_guards: bool = True
    """="123" and '123 stand for 123."""
    suffixes: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    """Units that may follow the number of a column (`28d`)."""
    prefixes: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    """Markers that may stand before the number of a column (`C4.39`)."""
    dates: tuple[str, ...] = ("%Y-%m-%d",)
    column_dates: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)


class TypeRules(Struct, frozen=True, kw_only=True):
    """`[types]`: what the words of the type column mean."""

    words: Mapping[str, InstrumentType] = field(default_factory=dict)
    """Beyond and before what `variance_bridge.symbology` knows."""
    infer: bool = True
    """Where there is no word, or one that is not known, the symbol and the option columns may tell."""
    default: InstrumentType | None = None
    """What a row without a word is, where its symbol does not say that it is an option, a future or a pair."""


class SymbolRules(Struct, frozen=True, kw_only=True):
    """`[symbol]`: what stands around the symbol in its cell."""

    strip_prefix: tuple[str, ...] = ()
    strip_suffix: tuple[str, ...] = ()
    pattern: str | None = None
    """Pattern of the whole cell with the groups `symbol` and, where the text tells it, `multiplier`."""
    by_description: bool = False
    """A row without a symbol is known by its description: a bond where a rule says so, else of type `other`."""


class QuantityRules(Struct, frozen=True, kw_only=True):
    """`[quantity]`: how the direction is told."""

    side_words: Mapping[str, str] = field(default_factory=dict)
    """Words of the side column, each `long` or `short`. Without them the sign of the quantity tells."""


class MoneyRules(Struct, frozen=True, kw_only=True):
    """`[money]`: what amounts mean."""

    cost_total: Sign = Sign.POSITION
    cost_per_unit: Sign = Sign.ABSOLUTE
    cost_per_unit_basis: Basis = Basis.PER_UNIT
    cost_per_unit_excludes_fees: bool = False
    """The profit counts commissions that the price paid does not have in it: the cost is value - profit, where that is near."""
    value: Sign = Sign.POSITION
    price: Sign = Sign.ABSOLUTE
    """Sign of `mark`."""
    value_from_price: bool = True
    """Whether value = mark x quantity x multiplier holds, so that the one may be computed from the other."""
    bond_price_per: Decimal = Decimal(100)
    futures_cost: bool = False
    """Whether `cost_total` and `value` of a future are notional amounts. Mostly they are margin or nothing."""
    futures_cost_as_stated: bool = False
    """`cost_total` of a future is kept with its sign, whatever it counts. Nothing is computed from it or compared with it."""
    zero_cost_is_unknown: bool = False
    """A cost of 0 says that the broker does not know it; the profit of that row, which counts from 0, is none either."""


class MultiplierRules(Struct, frozen=True, kw_only=True):
    """`[multiplier]`."""

    sources: tuple[MultiplierSource, ...] = (
        MultiplierSource.COLUMN,
        MultiplierSource.SYMBOL,
        MultiplierSource.PRODUCT,
        MultiplierSource.TYPE,
    )


class GreeksRules(Struct, frozen=True, kw_only=True):
    """`[greeks]`."""

    scope: GreeksScope = GreeksScope.POSITION
    implied_volatility_in_percent: bool = False


class TimeRules(Struct, frozen=True, kw_only=True):
    """`[time]`: when the file's state was true."""

    dates: tuple[str, ...] = ("%Y-%m-%d",)
    times: tuple[str, ...] = ("%H:%M:%S", "%H:%M")
    zone: str = "America/New_York"
    """IANA name, where the file names none (or `ET`)."""
    expiration_by_dte: bool = False
    """An option on a future without a day of expiration expires `dte` days after the date that is captured from the file."""
    day_ends: str = "16:00"
    """The time of day that a date alone stands for: the market's close."""
    months: Mapping[str, int] = field(default_factory=dict)
    """Names of months beside the English ones, in lower case, with their number."""


class AccountRules(Struct, frozen=True, kw_only=True):
    """`[account]`."""

    currency: str | None = None
    """ISO 4217, where no column tells."""
    simulated: str | None = None
    """Pattern of the number of an account with play money."""
    leaves_out: str | None = None
    """What such a file never has of the account (`shares that cover no option`): said in a warning."""
    balances: bool = False
    """Cash rows and the total row are the account's balances."""
    worth_is_sum: bool = False
    """There is no total row, and all that the account is worth stands in its rows: its cash rows and their sum are its balances."""


class CheckRules(Struct, frozen=True, kw_only=True):
    """`[check]`."""

    total_includes_cash: bool = True
    total_tolerance: Decimal = Decimal("0.05")
    """How far the total row may be from the sum of the rows, in currency."""
    subtotals: bool = False
    """Each subtotal row is the sum of the rows between its header and itself. Rows without one make the file incomplete
    where `completeness` is required."""
    subtotals_of: Field = Field.VALUE
    """What is summed."""
    subtotals_by: tuple[Field, ...] = ()
    """Of those rows, only the ones that have the same cells there as the subtotal row."""
    completeness: Completeness = Completeness.NONE


class SectionRules(Struct, frozen=True, kw_only=True):
    """`[sections]`: a file of several parts, of which some hold positions."""

    marked: Marked = Marked.BY_CELLS
    tables: tuple[str, ...]
    """Names of the parts with positions, in every language."""
    name_cell: int = 1
    """`by_cells`: which cell has the part's name, counted from 1."""
    kind_cell: int = 2
    """`by_cells`: which cell says whether the line is a header or a row."""
    header: tuple[str, ...] = ("Header",)
    rows: tuple[str, ...] = ("Data",)
    begins: tuple[str, ...] = ()
    """`by_cells`: one of these stands in the first two cells of such a file."""
    others: tuple[str, ...] = ()
    """`by_title`: names of the parts without positions."""


class Join(Struct, frozen=True, kw_only=True):
    """`[[join]]`: what another part of the file says of the same contract. It fills cells that are empty."""

    section: tuple[str, ...]
    """Names of that part, in every language."""
    column: tuple[str, ...]
    """Names of its column that has the key."""
    on: Field = Field.SYMBOL
    """The field with the same key in the table of positions."""
    gives: Mapping[Field, tuple[str, ...]]
    """For each field that is taken from there, the names of its column."""
    filled: tuple[str, ...] = ()
    """Only rows count that have a value in the column with one of these names."""


class HierarchyRules(Struct, frozen=True, kw_only=True):
    """`[hierarchy]`: a row names the underlying, and the rows below it hold the positions."""

    parent: str
    """Pattern of the symbol cell of a row that may have rows below it."""
    own_symbol: tuple[str, ...] = ()
    """Patterns of symbols that a row below spells out itself. Others are called by a description: their symbol is the one above."""
    outside: str = "$"
    """Pattern of the symbol cell of a row that belongs to no group (a total)."""


class Part(Struct, frozen=True, kw_only=True):
    """`[[part]]`: several fields out of one cell, by named groups."""

    of: Field
    """The field whose cell is taken apart."""
    pattern: str
    """Of the whole cell; each group has the name of a field."""
    divide_by: Mapping[Field, Decimal] = field(default_factory=dict)
    """What the number of a group is divided by (a strike in thousandths: 1000)."""


class Place(Struct, frozen=True, kw_only=True):
    """`[[column]]`: a column that its name alone does not find. Exactly one of `after`, `name`, `matches`."""

    field: Field
    after: tuple[str, ...] = ()
    """It has no name and stands right of the column with one of these names."""
    name: tuple[str, ...] = ()
    """It is one of several with one of these names."""
    nth: int = 1
    """Which of them, counted from 1."""
    matches: str | None = None
    """Pattern of its name; the group `currency` is the currency of the rows."""


class Dialect(Struct, frozen=True, kw_only=True, eq=False):
    """One kind of position file. Equal only to itself, so that what is computed from it can be kept."""

    name: str
    title: str
    evidence: str = ""
    """Where the knowledge comes from and how good it is."""
    first_seen: str = ""
    """Year, or year and month, of the oldest file that is known."""
    last_seen: str = ""
    """The same of the newest."""
    file: FileRules = FileRules()
    detect: DetectRules = DetectRules()
    header: HeaderRules = HeaderRules()
    columns: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    """Names of each field's column, the preferred first."""
    places: tuple[Place, ...] = field(default=(), name="column")
    sections: SectionRules | None = None
    joins: tuple[Join, ...] = field(default=(), name="join")
    hierarchy: HierarchyRules | None = None
    parts: tuple[Part, ...] = field(default=(), name="part")
    constants: Mapping[Field, str] = field(default_factory=dict)
    """What holds for every row that says nothing else."""
    captures: tuple[Capture, ...] = field(default=(), name="capture")
    rows: tuple[RowRule, ...] = field(default=(), name="row")
    ragged: RaggedRules = RaggedRules()
    lots: LotRules = LotRules()
    cells: CellRules = CellRules()
    types: TypeRules = TypeRules()
    symbol: SymbolRules = SymbolRules()
    quantity: QuantityRules = QuantityRules()
    money: MoneyRules = MoneyRules()
    multiplier: MultiplierRules = MultiplierRules()
    greeks: GreeksRules = GreeksRules()
    time: TimeRules = TimeRules()
    account: AccountRules = AccountRules()
    check: CheckRules = CheckRules()

    @property
    def derives(self) -> tuple[Field, ...]:
        """The fields that come, in every row or in some, from elsewhere than from the cell below their name."""
        return _derived(self)

    @property
    def seen(self) -> str:
        """From when to when files like this are known: "2019 to 2026-09"; "" where the dialect does not say."""
        return " to ".join(dict.fromkeys(filter(None, (self.first_seen, self.last_seen))))

    @property
    def shapes(self) -> bool:
        """Whether the table that is read is more than the lines of the file."""
        return self.sections is not None or bool(self.derives)


@lru_cache(maxsize=256)
def _derived(dialect: Dialect) -> tuple[Field, ...]:
    places = dialect.places
    found = [
        *(place.field for place in places),
        *(Field.CURRENCY for place in places if "(?P<currency>" in (place.matches or "")),
        *(
            Field(name)
            for part in dialect.parts
            for name in regular_expressions.group_names(part.pattern)
        ),
        *dialect.constants,
        *(field for join in dialect.joins for field in join.gives),
        *((Field.LEVEL, Field.SYMBOL, Field.UNDERLYING) if dialect.hierarchy else ()),
    ]
    return tuple(sorted(set(found)))


class OtherReport(Struct, frozen=True, kw_only=True):
    """A kind of file that is no positions file and must not be read as one (`other_reports.toml`)."""

    name: str
    columns: tuple[str, ...]
    """It has all of these."""
    without: tuple[str, ...] = ()
    """And none of these."""
    instead: str = "export the positions instead"
