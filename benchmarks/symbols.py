"""How many OSI symbols a second one core reads: ours beside the least that a regular expression needs.

Run: python benchmarks/symbols.py [--minimum 200000]

The baseline is what one writes first: one compiled `re`, the same conversions (date, exact strike, enum), a plain tuple as the
result. It knows no index weeklies, no class shares and no adjusted series, and refuses nothing but what the pattern refuses.
Every symbol is read once per round and no symbol stands twice in a round, so that no cache can make the number; the best of
five rounds counts, because other work on the machine can only slow a round down. Exit code 1 when ours is below the minimum.
"""

from __future__ import annotations

import argparse
import gc
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from itertools import islice, product
from typing import Any

from variance_bridge.symbology import InstrumentType, OptionType, parse

ROOTS = ("SPY", "AAPL", "F", "GOOGL", "SPXW", "BRKB", "QQQ", "TSLA", "IWM", "NDXP")
ROUNDS = 5
_OSI = re.compile(r"([A-Z]{1,6}) *([0-9]{2})([0-9]{2})([0-9]{2})([CP])([0-9]{5})([0-9]{3})")


def symbols(count: int) -> list[str]:
    """As many different symbols as asked for, a fifth of them with a strike below the dollar."""
    return list(islice(_symbols(), count))


def _symbols() -> Iterator[str]:
    terms = product(range(1, 2000), range(25, 30), range(1, 13), (7, 14, 21, 28), "CP", ROOTS)
    for step, year, month, day, right, root in terms:
        mills = step * 5000 + (500 if step % 5 == 0 else 0)
        yield f"{root:<6}{year}{month:02d}{day:02d}{right}{mills:08d}"


def read_with_re(symbol: str) -> tuple[Any, ...]:
    """The baseline."""
    match = _OSI.fullmatch(symbol)
    if match is None:
        raise ValueError
    root, year, month, day, right, dollars, mills = match.groups()
    return (
        InstrumentType.OPTION,
        root,
        symbol,
        date(2000 + int(year), int(month), int(day)),
        Decimal(f"{dollars}.{mills}"),
        OptionType.CALL if right == "C" else OptionType.PUT,
    )


def rate(read: Callable[[str], Any], texts: list[str]) -> float:
    """Symbols a second of CPU time on one core, best round."""
    best = 0.0
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        for text in texts:
            read(text)
        best = max(best, len(texts) / (time.process_time() - began))
    return best


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minimum", type=int, default=0, help="fail below this many a second")
    arguments.add_argument("--count", type=int, default=200_000, help="symbols in a round")
    options = arguments.parse_args()
    texts = symbols(options.count)
    compact = [text.replace(" ", "") for text in texts]
    assert len(set(texts)) == len(texts) == options.count
    assert all(parse(text).strike == read_with_re(text)[4] for text in texts[::97])
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {len(texts)} different symbols"
    )
    ours = rate(parse, texts)
    for name, value in (
        ("parse, 21 characters", ours),
        ("re only, 21 characters", rate(read_with_re, texts)),
        ("parse, padding lost", rate(parse, compact)),
        ("re only, padding lost", rate(read_with_re, compact)),
    ):
        print(f"{name:<24}{value:>12,.0f} a second")
    return 0 if ours >= options.minimum else 1


if __name__ == "__main__":
    sys.exit(main())
