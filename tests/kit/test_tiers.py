"""The rules of the tiers, the cases and the page that documents them say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.testing import BrokerConformance, FileBrokerConformance
from variance_bridge.testing.case_decorator import case, case_id
from variance_bridge.testing.plugin_check import suite_cases
from variance_bridge.testing.tiers import Result, Tier, reaches, rules, standing

PAGE = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
NETWORK = suite_cases(BrokerConformance)
FILES = suite_cases(FileBrokerConformance)
EVERY = {**NETWORK, **FILES}
RULED = [identifier for rule in rules() for identifier in rule.cases]


def test_every_case_stands_in_exactly_one_rule():
    assert sorted(RULED) == sorted(EVERY)


def test_every_rule_has_a_reason_and_tiers_stand_in_order():
    assert all(rule.reason.endswith(".") and len(rule.reason.split()) > 5 for rule in rules())
    heights = [list(Tier).index(rule.tier) for rule in rules()]
    assert heights == sorted(heights)


@pytest.mark.parametrize("suite", [BrokerConformance, FileBrokerConformance])
def test_no_two_tests_share_an_id_and_none_is_without(suite):
    tests = [name for name in dir(suite) if name.startswith("test_")]
    identifiers = [case_id(getattr(suite, name)) for name in tests]

    assert None not in identifiers
    assert len(set(identifiers)) == len(identifiers)


def test_an_author_gets_some_hundred_tests():
    assert 100 <= len(FILES) <= len(NETWORK) <= 170


def test_a_file_broker_is_not_asked_for_a_network_nor_a_network_broker_for_files():
    assert not any(identifier.startswith(("FAIL", "READ", "ACCT")) for identifier in FILES)
    assert not any(identifier.startswith("FILE") for identifier in NETWORK)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_the_page_tells_each_rule_its_reason_and_its_cases(rule):
    section = PAGE.partition(f"## {rule.tier.value.capitalize()}\n")[2]
    part = section.partition(f"### {rule.title}\n")[2].partition("\n### ")[0].partition("\n## ")[0]

    assert f"Why: {rule.reason}" in part
    rows = [line.split("|")[1:4] for line in part.splitlines() if line.startswith("| ")][1:]
    told = {row[0].strip(): (row[1].strip(), row[2].strip()) for row in rows}
    assert told == {one: (EVERY[one], _for_whom(one)) for one in rule.cases}


def _for_whom(identifier):
    if identifier in NETWORK and identifier in FILES:
        return "every broker"
    return "network" if identifier in NETWORK else "files"


def test_the_page_names_each_attribute_of_a_test_class():
    from variance_bridge.testing.conformance.conformance_case import ConformanceCase

    attributes = [name for name in vars(ConformanceCase) if name in ConformanceCase.__annotations__]
    assert attributes
    assert all(f"`{name}`" in PAGE for name in attributes)


results = st.dictionaries(st.sampled_from(sorted(NETWORK)), st.sampled_from(Result))


@given(results)
def test_a_tier_is_reached_only_with_every_case_of_it_and_of_those_below(found):
    reached = standing(found, frozenset(NETWORK)).tier

    for rule in rules():
        if reaches(reached, rule.tier):
            fulfilled = {Result.PASSED, Result.NOT_APPLICABLE}
            assert all(found.get(one) in fulfilled for one in rule.cases if one in NETWORK)


@given(results)
def test_what_is_missing_for_the_next_tier_is_reported_until_there_is_none(found):
    judged = standing(found, frozenset(NETWORK))

    if judged.next is None:
        assert judged.tier is Tier.GOLD
        assert judged.open == {}
    else:
        assert any(rule.name in judged.open for rule in rules() if rule.tier is judged.next)


def test_all_cases_passed_make_gold():
    judged = standing(dict.fromkeys(FILES, Result.PASSED), frozenset(FILES))

    assert (judged.tier, judged.next, judged.open) == (Tier.GOLD, None, {})


def test_a_case_that_does_not_apply_is_not_missing():
    found = dict.fromkeys(NETWORK, Result.PASSED) | {"NEAR-07": Result.NOT_APPLICABLE}

    assert standing(found, frozenset(NETWORK)).tier is Tier.GOLD


def test_a_case_that_was_skipped_or_never_run_counts_as_missing():
    found = dict.fromkeys(NETWORK, Result.PASSED) | {"SIGN-05": Result.SKIPPED}
    del found["ROW-03"]
    judged = standing(found, frozenset(NETWORK))

    assert judged.tier is Tier.SILVER
    assert judged.open == {
        "flips": {"SIGN-05": Result.SKIPPED},
        "hardened": {"ROW-03": Result.NOT_RUN},
    }


def test_a_case_needs_an_id_of_the_known_form():
    with pytest.raises(ValueError, match="is not a case ID"):
        case("sign-1")
