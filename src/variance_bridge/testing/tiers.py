"""How far a broker is proven: the rules of the tiers, and which of them the results of its tests fulfil."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources

import attrs


class Tier(StrEnum):
    """How far, from the first to the last."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


class Result(StrEnum):
    """What became of a case, over all test classes and parameters of a project."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not applicable"
    NOT_RUN = "not run"


@attrs.frozen(kw_only=True)
class Rule:
    """Something that a tier asks for.

    Attributes:
        reason: why, for somebody who finds it too much.
        cases: the IDs that have to pass; those of the other kind of broker (network, files) do not apply.
    """

    name: str
    tier: Tier = attrs.field(converter=Tier)
    title: str
    reason: str
    cases: tuple[str, ...] = attrs.field(converter=tuple)


@attrs.frozen(kw_only=True)
class Standing:
    """What a broker has reached.

    Attributes:
        tier: the highest that is reached; None for none.
        open: for each rule that is not fulfilled, the cases that are missing and what became of them.
    """

    tier: Tier | None
    open: Mapping[str, Mapping[str, Result]]

    @property
    def next(self) -> Tier | None:
        """The tier above; None above gold."""
        above = [tier for tier in Tier if self.tier is None or _height(tier) > _height(self.tier)]
        return above[0] if above else None


@cache
def rules() -> tuple[Rule, ...]:
    """The rules, in the order of the tiers."""
    text = resources.files(__package__).joinpath("tiers.toml").read_text(encoding="utf-8")
    return tuple(Rule(**entry) for entry in tomllib.loads(text)["rule"])


def standing(results: Mapping[str, Result], applicable: frozenset[str]) -> Standing:
    """What is reached.

    Args:
        results: by case ID; a case that is not in it was not run.
        applicable: the cases that apply to this kind of broker.
    """
    missing = {rule.name: dict(_missing(rule, results, applicable)) for rule in rules()}
    reached: Tier | None = None
    for tier in Tier:
        if any(missing[rule.name] for rule in rules() if rule.tier is tier):
            break
        reached = tier
    return Standing(tier=reached, open={name: cases for name, cases in missing.items() if cases})


def _missing(
    rule: Rule, results: Mapping[str, Result], applicable: frozenset[str]
) -> Iterator[tuple[str, Result]]:
    for identifier in rule.cases:
        result = results.get(identifier, Result.NOT_RUN)
        if identifier in applicable and result not in _FULFILLED:
            yield identifier, result


_FULFILLED = frozenset({Result.PASSED, Result.NOT_APPLICABLE})


def _height(tier: Tier) -> int:
    return list(Tier).index(tier)


def reaches(tier: Tier | None, wanted: Tier) -> bool:
    """Whether a tier is at least the wanted one."""
    return tier is not None and _height(tier) >= _height(wanted)
