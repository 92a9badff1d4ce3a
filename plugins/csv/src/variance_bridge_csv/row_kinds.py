"""What kind of row a row is: a position, cash, a total that somebody typed, a sentence below the table. Pure."""

from __future__ import annotations

import re

from variance_bridge.symbology import InstrumentType
from variance_bridge_csv.dialect_format.dialect_options import Field, RowClass, RowRule
from variance_bridge_csv.file.lines_and_cells import Row
from variance_bridge_csv.name_matching import plain, visible
from variance_bridge_csv.row.columns import RowCells, rule_for
from variance_bridge_csv.row.instrument import kind_of

# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_POSITION = RowClass.POSITION
_SYMBOL = Field.SYMBOL
_TYPE = Field.TYPE
_CASH_KIND = InstrumentType.CASH
_CASH = RowRule(is_=RowClass.CASH)
_TYPED_TOTAL = RowRule(is_=RowClass.IGNORE)
TYPED_TOTALS = frozenset(
    {"total", "totals", "grand total", "account total", "portfolio total", "sum", "subtotal"}
)
"""What people write before a total that they add below an export."""
_NO_TICKERS = TYPED_TOTALS - {"sum"}
"""Those that are nothing else in the column of the symbol: SUM was a share."""
_PAGE = r"(?i:page|seite) [0-9]{1,4}(?: ?(?i:of|von|/) ?[0-9]{1,4})?"
_AS_OF = r"(?:[A-Za-z]{1,12} ){0,4}(?i:as of) [0-9A-Za-z:,/. -]{4,40}"
"""`Data as of 11/25/2026`: when something was true, and no part of a position."""
_LOWER_CASE_WORD = r"\b[a-z\u00df-\u00ff]{2,}\b"
_DIGIT = re.compile(r"[0-9]")
_MIN_WORDS = 3
"""So many words in lower case are a sentence: the names of securities have fewer."""


def kind_rule(row: RowCells) -> RowRule:
    """The rule for the row; a row whose type column says cash is cash, and one whose symbol is "Total" was typed below."""
    found = rule_for(row)
    if found.is_ is not _POSITION:
        return found
    if (row.text(_SYMBOL) or "").rstrip(": ").casefold() in _NO_TICKERS:
        return _TYPED_TOTAL
    word = row.text(_TYPE)
    if word is None or kind_of(word, row.dialect) is not _CASH_KIND:
        return found
    return _CASH


def is_typed_total(row: Row) -> bool:
    """Whether somebody added the row below the export: a total, in no column's terms."""
    first = next((cell for cell in row.cells if cell.strip()), "")
    return plain(first).rstrip(":") in TYPED_TOTALS


def is_prose(row: Row) -> bool:
    """Whether the row is a sentence (a disclaimer, the foot of a page), and no part of a position."""
    filled = [cell for cell in row.cells if cell.strip()]
    if len(filled) != 1:
        return False
    text = visible(filled[0])
    if re.fullmatch(_PAGE, text) or re.fullmatch(_AS_OF, text):
        return True
    if len(re.findall(_LOWER_CASE_WORD, text)) >= _MIN_WORDS:
        return True
    return text[-1:] in ".:" and " " in text and not _DIGIT.search(text)
