"""Inputs that are nearly right: seeds of a corpus, changed a little, the same ones for the same seed of chance."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

_TOKEN = re.compile(rb"[A-Za-z0-9_.+-]+|[^A-Za-z0-9_.+-]")
_MOST_CHANGES = 4
_LONGEST = 64 * 1024

INTERESTING: Sequence[bytes] = (
    b"", b"0", b"-0", b"-1", b"1", b"0.0", b"-0.000", b"1e400", b"1E-400", b"1e99999999999999999999", b"0e99999",
    b"9" * 38, b"9" * 39, b"9" * 120, b"9" * 5000, b"0." + b"0" * 60 + b"1", b"NaN", b"nan", b"Infinity", b"-Infinity",
    b"1_000", b"1,000.5", b"(1.00)", b"$1", b"0x10", b"null", b"true", b"false", b"[]", b"{}", b'""', b'"', b"'", b"\\",
    b"\\u0000", b"\\ud800", b"\\u202e", b"\x00", b"\x1b[31m", b"\x1b]0;x\x07", b"\r", b"\n", b"\r\n", b"\t", b"\x85",
    b"\xc2\x9b31m", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xff", b"\xc3",
    b"\xef\xbc\x91", b"\xd9\xa3", b"\xc2\xb2", b"\xce\xb2 Delta", b"=HYPERLINK(1)", b"+1", b"@SUM", b"--", b"N/A",
    b"0001-01-01", b"9999-12-31", b"2026-02-30", b"0000-00-00", b"12/31/9999", b"01/01/0001", b"Jan 1, 0001", b"Dec 31, 9999",
    b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"2026-03-02T24:00:00Z",
    b"2026-03-02T15:04:60Z", b"2026-03-02", b"2026-W10-1T00:00Z", b"20260302", b"28d", b"4000d",
    b"SPY", b"/ESZ5", b"./ESZ5 EW3Z5 251219P6000", b"SPXW  260318P05750000", b"BRK/B", b"BTC/USD", b"BABA2 261016C00145000",
    b"Equity", b"Equity Option", b"Future", b"Future Option", b"Cryptocurrency", b"Fixed Income Security", b"Warrant",
    b"Long", b"Short", b"Zero", b"long", b"short", b"other", b"[" * 70, b"{\"a\":" * 70, b"," * 1100, b"A" * 300,
    b"quantity", b"symbol", b"data", b"items", b"multiplier", b"100.0", b"average_price", b"\xf0\x9f\x92\xb8",
)  # fmt: skip

Change = Callable[[random.Random, bytearray], None]


def _place(chance: random.Random, data: bytearray) -> int:
    return chance.randrange(len(data) + 1)


def _flip(chance: random.Random, data: bytearray) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(chance: random.Random, data: bytearray) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _insert(chance: random.Random, data: bytearray) -> None:
    place = _place(chance, data)
    data[place:place] = chance.choice(INTERESTING)


def _delete(chance: random.Random, data: bytearray) -> None:
    place = _place(chance, data)
    del data[place : place + chance.choice((1, 1, 2, 8, 64))]


def _truncate(chance: random.Random, data: bytearray) -> None:
    del data[_place(chance, data) :]


def _repeat(chance: random.Random, data: bytearray) -> None:
    place = _place(chance, data)
    piece = bytes(data[place : place + chance.choice((1, 8, 64, 256))])
    data[place:place] = piece * chance.choice((1, 1, 2, 16))


def _token(chance: random.Random, data: bytearray) -> None:
    """Another word, number or sign in the place of one: keeps the form of JSON, CSV and TOML mostly whole."""
    tokens = list(_TOKEN.finditer(data))
    if not tokens:
        return
    chosen = chance.choice(tokens)
    other = chance.choice(tokens).group() if chance.random() < 0.4 else chance.choice(INTERESTING)
    data[chosen.start() : chosen.end()] = other


def _lines(chance: random.Random, data: bytearray) -> None:
    """Lines in another order, one missing or one twice."""
    lines = bytes(data).split(b"\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(3)
    if kind == 0:
        lines[first], lines[second] = lines[second], lines[first]
    elif kind == 1:
        del lines[first]
    else:
        lines.insert(second, lines[first])
    data[:] = b"\n".join(lines)


_CHANGES: Sequence[Change] = (
    _token, _token, _token, _token, _token, _flip, _set, _insert, _insert, _delete, _truncate, _repeat, _lines, _lines,
)  # fmt: skip


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One seed, or two of them joined, with a few changes."""
    data = bytearray(chance.choice(seeds))
    if chance.random() < 0.05:
        other = chance.choice(seeds)
        data = data[: _place(chance, data)] + bytearray(other[_place(chance, bytearray(other)) :])
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        chance.choice(_CHANGES)(chance, data)
    return bytes(data[:_LONGEST])


def inputs(seeds: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """The seeds themselves, then mutants without end; the same ones for the same `seed`."""
    yield from seeds
    chance = random.Random(seed)
    while True:
        yield mutated(seeds, chance)
