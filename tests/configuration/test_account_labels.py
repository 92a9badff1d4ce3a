"""`[accounts]` in variance.toml: which account a label names, and what the user is told about a key that names none."""

from __future__ import annotations

import pytest

from variance_bridge.errors import DataRefused
from variance_bridge.settings.account_labels import AccountLabels, as_word

IRA, JOINT, NEAR = "a1a1a1a1a1a1***", "b2b2b2b2b2b2***", "b2b2ffffffff***"


@pytest.mark.parametrize("key", ["a1a1a1a1a1a1", "a1a1a1a1a1a1***", "a1a1", "A1A1A1"])
def test_a_hash_or_its_first_digits_name_the_account(key):
    assert AccountLabels({key: "Roth IRA"}).among([IRA, JOINT, None]) == {IRA: "Roth IRA"}


@pytest.mark.parametrize("key", ["a1a", "1234-5678", "roth", "", "a1a1a1a1a1a1a1"])
def test_what_cannot_begin_a_hash_names_nothing(key):
    assert AccountLabels({key: "Roth IRA"}).among([IRA]) == {}


def test_a_key_that_fits_two_accounts_names_neither():
    labels = AccountLabels({"b2b2": "Joint"})
    assert labels.among([JOINT, NEAR]) == {}
    assert labels.among([JOINT, IRA]) == {JOINT: "Joint"}


def test_of_two_keys_the_longer_one_counts():
    assert AccountLabels({"b2b2b2": "Joint", "b2b2": "Old"}).among([JOINT]) == {JOINT: "Joint"}


def test_a_label_is_one_printable_line_of_bounded_length():
    shown = AccountLabels({"a1a1": " Roth\n\x1b[31m IRA " + "x" * 100}).among([IRA])[IRA]
    assert shown.startswith("Roth ?[31m IRA x")
    assert len(shown) == 40


@pytest.mark.parametrize("typed", ["Roth IRA", "roth", "ROTH-IRA", "rothira", "roth i"])
def test_a_label_is_recognized_however_it_is_typed(typed):
    assert AccountLabels({"a1a1": "Roth IRA", "b2b2": "Joint"}).called(typed, [IRA, JOINT]) == IRA


def test_a_whole_label_is_preferred_to_the_beginning_of_another():
    labels = AccountLabels({"a1a1": "Roth IRA", "b2b2": "Roth"})
    assert labels.called("roth", [IRA, JOINT]) == JOINT


def test_what_is_not_a_label_stays_as_it_is():
    assert AccountLabels({"a1a1": "Roth IRA"}).called("b2b2", [IRA, JOINT]) == "b2b2"
    assert AccountLabels({"a1a1": "Roth IRA"}).called("--", [IRA]) == "--"


def test_a_word_that_begins_two_labels_is_refused_without_repeating_them():
    labels = AccountLabels({"a1a1": "Roth old", "b2b2": "Roth new"})
    with pytest.raises(DataRefused) as refused:
        labels.called("roth", [IRA, JOINT])
    assert IRA in str(refused.value)
    assert JOINT in str(refused.value)
    assert "old" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"1234-5678": "Roth"}, "key 1 is not an account hash"),
        ({"c3c3": "Roth"}, "c3c3: no positions file is of such an account"),
        ({"b2b2": "Roth"}, "b2b2: begins the hashes of 2 accounts"),
        ({"a1a1": " "}, "a1a1: the label is empty"),
        ({"a1a1": "Roth", "b2b2b2": "ROTH"}, "two accounts have the same label"),
    ],
)
def test_a_key_that_names_no_account_is_reported_without_what_may_be_personal(stated, says):
    ((doubt, fix),) = AccountLabels(stated).doubts([IRA, JOINT, NEAR])
    assert says in doubt
    assert fix
    assert "roth" not in (doubt + fix).casefold()
    assert "1234" not in doubt + fix


def test_the_word_that_the_tab_key_offers_is_recognized_again():
    label = "Roth IRA (Fidelity)"
    assert as_word(label) == "Roth-IRA-Fidelity"
    assert AccountLabels({"a1a1": label}).called(as_word(label), [IRA]) == IRA


def test_labels_do_not_stand_in_a_repr():
    assert "Roth" not in repr(AccountLabels({"a1a1": "Roth IRA"}))
