"""What the user calls an account: the table `[accounts]` of variance.toml. For the user's own screen alone. Pure.

A label is personal: it stands in no document, no JSON, no export, no log and no message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import nearest, printable, repr_without

MAX_LABEL = 40
_KEY = re.compile(r"[0-9a-f]{4,64}")
_MASK = "***"
_NO_WORD = re.compile(r"[\W_]+")


class AccountLabels(Struct, frozen=True):
    """The labels as the file states them, each for an account hash or the beginning of one."""

    stated: Mapping[str, str] = field(default_factory=dict)

    __repr__ = repr_without("stated")

    def among(self, hashes: Iterable[str | None]) -> dict[str, str]:
        """The labels of these accounts, by hash. A key that fits two of them names neither."""
        listed = {each for each in hashes if each} if self.stated else set()
        found: dict[str, str] = {}
        for key, label in sorted(self._usable(), key=lambda pair: len(pair[0])):
            fitting = [each for each in listed if each.startswith(key)]
            if len(fitting) == 1:
                found[fitting[0]] = label
        return found

    def called(self, text: str, hashes: Iterable[str | None]) -> str:
        """The hash of the account that the user calls so, by its label or the beginning of it; else the text as it is.

        Case does not matter, and neither does what stands between words: `roth-ira` is `Roth IRA`. A whole label is
        preferred to the beginning of another.

        Raises:
            DataRefused: several accounts are called so; lists their hashes, not their labels.
        """
        typed = _plain(text)
        names = {each: _plain(label) for each, label in self.among(hashes).items()}
        whole = [each for each, name in names.items() if name == typed]
        fitting = whole or [
            each for each, name in names.items() if typed and name.startswith(typed)
        ]
        if len(fitting) > 1:
            raise DataRefused(
                f"several accounts are called that ({', '.join(sorted(fitting))})",
                hint="write more of the label, or give the account by its hash",
            )
        return fitting[0] if fitting else text

    def suggestion(self, text: str, hashes: Iterable[str | None]) -> str:
        """`did you mean "Roth IRA"?`, else which labels there are; empty without labels. For the user's own terminal alone."""
        typed = _plain(text)
        labels = {_plain(label): label for label in sorted(self.among(hashes).values())}
        starts = {name[: len(typed)]: label for name, label in labels.items()}
        near = nearest(typed, {**labels, **starts})
        if near is not None:
            return f'did you mean "{labels.get(near) or starts[near]}"?'
        return f"there are: {', '.join(labels.values())}" if labels else ""

    def doubts(self, hashes: Iterable[str]) -> Iterator[tuple[str, str]]:
        """What is wrong with the table, each with what to do; no label and no key is repeated that may be personal.

        Args:
            hashes: of the accounts of which there is a positions file.
        """
        listed = set(hashes)
        for place, (key, label) in enumerate(self.stated.items(), 1):
            start, usable = _start(key), _usable_label(label)
            if start is None:
                yield (
                    f"key {place} is not an account hash, nor the first four digits or more of one",
                    "`variance accounts` and `variance show` print the hashes",
                )
            elif not usable:
                yield f"{start}: the label is empty", "write the name that you want to see"
            elif not (fitting := [each for each in listed if each.startswith(start)]):
                known = ", ".join(sorted(listed)) or "none yet"
                yield f"{start}: no positions file is of such an account", f"there are: {known}"
            elif len(fitting) > 1:
                yield (
                    f"{start}: begins the hashes of {len(fitting)} accounts, and names none of them",
                    f"write more digits: {', '.join(sorted(fitting))}",
                )
        names = [_plain(label) for label in self.among(listed).values()]
        if len(set(names)) < len(names):
            yield "two accounts have the same label", "give each a label of its own"

    def _usable(self) -> Iterator[tuple[str, str]]:
        for key, label in self.stated.items():
            start, shown = _start(key), _usable_label(label)
            if start is not None and shown:
                yield start, shown


def _start(key: str) -> str | None:
    """The digits that a hash must begin with; None for what cannot be the beginning of a hash."""
    digits = key.strip().casefold().removesuffix(_MASK)
    return digits if _KEY.fullmatch(digits) else None


def _usable_label(label: str) -> str:
    return printable(" ".join(label.split()), limit=MAX_LABEL)


def _plain(text: str) -> str:
    return _NO_WORD.sub("", text.casefold())


def as_word(label: str) -> str:
    """The label as a word that no shell takes apart: `Roth-IRA`."""
    return _NO_WORD.sub("-", label).strip("-")
