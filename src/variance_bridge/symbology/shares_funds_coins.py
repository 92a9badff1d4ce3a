"""What is held outright: shares, funds, coins, bonds and cash.

Class shares are `BRK/B` whatever the separator was; their root, and a pair's, has a hyphen instead:
`BRK-B`, `BTC-USD`. A separator alone does not tell a class from a currency: the type decides, and
without one a table of currencies.
"""

from __future__ import annotations

import re

from variance_bridge.symbology import tables
from variance_bridge.symbology.instrument import Instrument, InstrumentType, SymbolError
from variance_bridge.symbology.symbol_text import Hints

_TICKER = re.compile(r"[A-Z0-9]{1,12}")
_MIN_CURRENCY_LENGTH = 3
_MAX_NAME_LENGTH = 12
_MAX_LENGTHS = {InstrumentType.STOCK: 6}
"""Tickers of shares, compact preferreds included; plan codes of funds are longer."""

_LETTERS = re.compile(r"[A-Z]{1,12}")
_FUND = re.compile(r"[A-Z]{4}X")
_SUFFIXED = re.compile(r"([A-Z0-9]{1,12})([/. -])([A-Z0-9]{1,5})")
_SUFFIXED_LISTING = re.compile(
    r"([A-Z]{1,6})(?:"
    r"(?:[/. -]PR[/. -]?|-P|[$^])(?P<preferred>[A-Z])"
    r"|(?:[/. -]W[ST][/. -]?|\+)(?P<warrants>[A-Z])"
    r"|[/. -](?P<word>WT|RTS)|(?P<units>-UN)|(?P<sign>[=+#]))"
)
"""A listing's root and what follows it, in the conventions of the tape (CQS, CMS) and of Nasdaq, and in mixed forms."""
_COMPACT_PREFERRED = re.compile(r"([A-Z]{3,4})PR([A-Z])")
_SUFFIX_OF = {"WT": "WS", "RTS": "RT", "-UN": "U", "=": "U", "+": "WS", "#": "WI"}
_SERIES = re.compile(r"[A-Z]|(?:PR|WS)[A-Z]")
_CUSIP = re.compile(r"[A-Z0-9*#]{8}[0-9]")
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_FIGURES = re.compile(
    r"[A-Z0-9]+[/. -][0-9]+|[0-9]+[/. -](?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|N[/. -]A"
)
"""What stands in a wrong column: a price, a date (`01/16`, `2026-01`, a spreadsheet's `Mar-01`, `12-Jan`), no value."""

_OPTION_TERMS = re.compile(
    r"[A-Z]{1,6}[0-9]?[0-9]{2}[01][0-9][0-3][0-9][/. -]?[CP][/. -]?[0-9]", re.ASCII
)
_FREE_TEXT = re.compile(r"[A-Z0-9][A-Z0-9 .%/&'()+*#$:-]{0,63}")
_COIN_VENUE = re.compile(r":[A-Z]{2,8}$|(?<=\.[A-Z]{3})-(?:PAXOS|ZEROHASH)$")
"""`BTC/USD:CXTALP`, `BTC.USD-PAXOS`."""
_FIRST_FIGURE = re.compile(r" ?[0-9].*")


def instrument(kind: InstrumentType, symbol: str, root: str | None = None) -> Instrument:
    """A holding that is its own underlying."""
    return Instrument(kind, root or symbol.replace("/", "-"), symbol, symbol)


def parse_share(text: str, hints: Hints, kind: InstrumentType = InstrumentType.STOCK) -> Instrument:
    """A ticker whose type the caller knows; compact class shares are looked up."""
    text = _without_marks(text).removesuffix("**")
    if _FIGURES.fullmatch(text):
        raise SymbolError("a price, a date or a mark for no value, not a ticker")
    if _OPTION_TERMS.match(text):
        raise SymbolError("the symbol of an option where another type was announced")
    spelled = tables.class_share(text) or _spelled_by_underlying(text, hints)
    if spelled is not None:
        return instrument(kind, spelled)
    listing = _suffixed_listing(text) or _compact_preferred(text, kind)
    if listing is not None:
        return instrument(kind, listing)
    suffixed = _SUFFIXED.fullmatch(text)
    if suffixed is not None:
        if suffixed[2] == " " and not _is_share_suffix(suffixed[3]):
            raise SymbolError("words, not a ticker", suffixed.start(3))
        return instrument(kind, f"{suffixed[1]}/{suffixed[3]}")
    if len(text) <= _MAX_LENGTHS.get(kind, _MAX_NAME_LENGTH) and _TICKER.fullmatch(text):
        return instrument(kind, text, tables.index_of(text))
    raise SymbolError("not a ticker")


def _suffixed_listing(text: str) -> str | None:
    """The canonical spelling of a preferred share, unit, warrant or right in any convention: `AAIC^B` is `AAIC/PRB`."""
    match = _SUFFIXED_LISTING.fullmatch(text)
    if match is None:
        return None
    if match["preferred"] is not None:
        return f"{match[1]}/PR{match['preferred']}"
    if match["warrants"] is not None:
        return f"{match[1]}/WS{match['warrants']}"
    return f"{match[1]}/{_SUFFIX_OF[match['word'] or match['units'] or match['sign']]}"


def _compact_preferred(text: str, kind: InstrumentType) -> str | None:
    """`BACPRL`: too long for a ticker, so nothing but a preferred share."""
    match = _COMPACT_PREFERRED.fullmatch(text) if kind is InstrumentType.STOCK else None
    return None if match is None else f"{match[1]}/PR{match[2]}"


def _without_marks(text: str) -> str:
    """An index without the marks that some platforms put around it: `$SPX`, `^SPX`, `$SPX.X`."""
    return (text.removesuffix(".X") if text.startswith("$") else text).lstrip("$^")


def _spelled_by_underlying(text: str, hints: Hints) -> str | None:
    """The broker's own spelling with the separator, where the symbol is the same without it."""
    given = _SUFFIXED.fullmatch(hints.underlying or "")
    return f"{given[1]}/{given[3]}" if given and given[1] + given[3] == text else None


def _is_share_suffix(suffix: str) -> bool:
    return _SERIES.fullmatch(suffix) is not None or suffix in tables.share_suffixes()


def parse_crypto(text: str, hints: Hints) -> Instrument:
    """A coin and its quote currency: `BTC/USD`, `BTC-USD`, `BTCUSD`, `BTC/USD:CXTALP`."""
    body = _COIN_VENUE.sub("", text)
    pair = _SUFFIXED.fullmatch(body)
    if pair is not None and len(pair[3]) >= _MIN_CURRENCY_LENGTH:
        return instrument(InstrumentType.CRYPTO, f"{pair[1]}/{pair[3]}")
    if _TICKER.fullmatch(body):
        for quote in tables.quote_currencies():
            if body.endswith(quote) and len(body) > len(quote):
                return instrument(InstrumentType.CRYPTO, f"{body.removesuffix(quote)}/{quote}")
        given = _SUFFIXED.fullmatch(_COIN_VENUE.sub("", hints.underlying or ""))
        if given is not None and given[1] == body and given[3] in tables.quote_currencies():
            return instrument(InstrumentType.CRYPTO, f"{given[1]}/{given[3]}")
    raise SymbolError("not a coin and the currency in which it is quoted")


def parse_bond(text: str) -> Instrument:
    """A CUSIP, an ISIN, or a description in their place; its root ends before the first figure."""
    if _CUSIP.fullmatch(text) or _ISIN.fullmatch(text):
        return instrument(InstrumentType.BOND, text, text)
    words = " ".join(text.split())
    if not _FREE_TEXT.fullmatch(words):
        raise SymbolError("not a CUSIP, an ISIN or a description")
    return instrument(InstrumentType.BOND, words, _FIRST_FIGURE.sub("", words) or words)


def parse_cash(text: str, hints: Hints) -> Instrument:
    """A cash row by its name, a currency by its code, a currency pair, or a sweep fund."""
    words = " ".join(text.split()).lstrip("$")
    if words in tables.cash_phrases() or words in tables.currencies():
        return instrument(InstrumentType.CASH, "CASH" if words in tables.cash_phrases() else words)
    return parse_share(words, hints, InstrumentType.CASH)


def parse_untyped(text: str, hints: Hints) -> Instrument:
    """A holding without a type: only what can be read in one way."""
    words = " ".join(text.split())
    if words.lstrip("$") in tables.cash_phrases():
        return parse_cash(words, hints)
    if text.endswith("**"):
        return _sweep_fund(text.removesuffix("**"))
    venue = _COIN_VENUE.search(text)
    body = text[: venue.start()] if venue else text
    suffixed = _SUFFIXED.fullmatch(body)
    if suffixed is not None and suffixed[3] in tables.quote_currencies():
        fiat = suffixed[1] in tables.currencies()
        return parse_share(body, hints, InstrumentType.OTHER) if fiat else parse_crypto(body, hints)
    if venue is not None:
        raise SymbolError("a venue after something that is traded on none", venue.start())
    if _suffixed_listing(text) is not None:
        return parse_share(text, hints)
    if suffixed is not None:
        return _untyped_suffixed(text, hints)
    return _untyped_word(_without_marks(text))


def _sweep_fund(word: str) -> Instrument:
    """`SPAXX**`: the mark of a sweep position behind the ticker of a money fund."""
    if not _FUND.fullmatch(word):
        raise SymbolError("the mark of a sweep position behind what is not a fund", len(word))
    return instrument(InstrumentType.FUND, word)


def _untyped_suffixed(text: str, hints: Hints) -> Instrument:
    suffix = re.split(r"[/. -]", text)[-1]
    kind = InstrumentType.STOCK if _is_share_suffix(suffix) else InstrumentType.OTHER
    return parse_share(text, hints, kind)


def _untyped_word(word: str) -> Instrument:
    """A word of letters is a ticker; five letters ending in X name a fund (Nasdaq's fifth letter)."""
    from variance_bridge.symbology import futures

    index = tables.index_of(word)
    if index is not None:
        return instrument(InstrumentType.OTHER, word, index)
    if _LETTERS.fullmatch(word) and len(word) <= 5:
        kind = InstrumentType.FUND if _FUND.fullmatch(word) else InstrumentType.STOCK
        return instrument(kind, word)
    if (_CUSIP.fullmatch(word) and cusip_is_valid(word)) or _ISIN.fullmatch(word):
        is_bond = len(word) == 9 and not word[6:8].isdigit()
        return instrument(InstrumentType.BOND if is_bond else InstrumentType.OTHER, word)
    if futures.looks_like_contract(word):
        raise SymbolError("a future without its slash, or a share: the type must come with it")
    if any(word.endswith(quote) for quote in tables.quote_currencies() if len(word) > len(quote)):
        raise SymbolError("a pair without its separator, or a share: the type must come with it")
    if _LETTERS.fullmatch(word):
        return instrument(InstrumentType.OTHER, word)
    raise SymbolError("not a symbol that can be read without its type")


def cusip_is_valid(cusip: str) -> bool:
    """Whether the ninth character checks the first eight (modulus 10 double add double).

    Characters 7 and 8 number the issue: digits for equity, letters among them for debt.
    """
    values = ["0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#".index(char) for char in cusip[:8]]
    doubled = [value * 2 if place % 2 else value for place, value in enumerate(values)]
    return (10 - sum(value // 10 + value % 10 for value in doubled) % 10) % 10 == int(cusip[8])
