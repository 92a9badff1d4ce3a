"""A table becomes an instance of its class, or every wrong key of it is named."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.broker import setting
from variance_bridge.errors import ConfigurationError
from variance_bridge.settings import table_to_class as structure_module
from variance_bridge.settings.table_to_class import KEY, FlagText, structure, try_structure


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Size(Enum):
    SMALL = 1
    LARGE = 2


@attrs.frozen(kw_only=True)
class Inner:
    number: int
    words: tuple[str, ...] = ()


def _positive(_instance: Any, _field: Any, value: Decimal) -> None:
    if value <= 0:
        raise ValueError("must be above zero")


@attrs.frozen(kw_only=True)
class Everything:
    text: str = "x"
    flag: bool = False
    whole: int = 0
    real: float = 1.0
    exact: Decimal = Decimal(0)
    positive: Decimal = attrs.field(default=Decimal(1), validator=_positive)
    path: Path | None = None
    mode: Literal["print", "both"] = "print"
    level: Literal[1, 2] = 1
    colour: Colour = Colour.RED
    size: Size = Size.SMALL
    words: tuple[str, ...] = ()
    numbers: list[int] = attrs.field(factory=list)
    colours: frozenset[Colour] = frozenset()
    pair: tuple[str, int] = ("a", 1)
    day: date | None = None
    moment: datetime | None = None
    hour: time | None = None
    length: timedelta | None = None
    inner: Inner | None = None
    by_name: dict[Colour, Inner] = attrs.field(factory=dict)
    either: int | str = 0
    list_or_tables: dict[str, dict[str, int]] | tuple[str, ...] = ()
    is_: bool = attrs.field(default=False, metadata={KEY: "is"})
    secret_name: str = setting("x", title="a name")


GOOD = [
    ("text", "a", "a"),
    ("flag", True, True),
    ("whole", 3, 3),
    ("real", Decimal("0.5"), 0.5),
    ("real", 3, 3.0),
    ("exact", Decimal("0.10"), Decimal("0.10")),
    ("exact", 3, Decimal(3)),
    ("path", "a/b", Path("/folder/a/b")),
    ("path", "/a", Path("/a")),
    ("mode", "both", "both"),
    ("level", 2, 2),
    ("colour", "blue", Colour.BLUE),
    ("size", 2, Size.LARGE),
    ("words", ["a", "b"], ("a", "b")),
    ("numbers", [1, 2], [1, 2]),
    ("colours", ["red"], frozenset({Colour.RED})),
    ("pair", ["b", 2], ("b", 2)),
    ("day", date(2025, 12, 31), date(2025, 12, 31)),
    ("day", "2025-12-31", date(2025, 12, 31)),
    ("moment", "2025-12-31T16:00:00Z", datetime(2025, 12, 31, 16, tzinfo=UTC)),
    ("hour", time(16), time(16)),
    ("length", "1 h 30 min", timedelta(minutes=90)),
    ("inner", {"number": 1, "words": ["x"]}, Inner(number=1, words=("x",))),
    ("by_name", {"red": {"number": 1}}, {Colour.RED: Inner(number=1)}),
    ("either", 1, 1),
    ("either", "one", "one"),
    ("list_or_tables", ["a"], ("a",)),
    ("list_or_tables", {"a": {"b": 1}}, {"a": {"b": 1}}),
]


@pytest.mark.parametrize(("key", "value", "made"), GOOD)
def test_a_value_of_each_type_is_read_exactly(key, value, made):
    instance = structure({key: value}, Everything, folder=Path("/folder"))

    assert getattr(instance, key) == made
    assert type(getattr(instance, key)) is type(made)


@pytest.mark.parametrize(
    ("key", "text", "made"),
    [
        ("text", "3", "3"),
        ("flag", "Yes", True),
        ("flag", "0", False),
        ("whole", "-3", -3),
        ("real", "3", 3.0),
        ("exact", "0.10", Decimal("0.10")),
        ("path", "a/b", Path("a/b")),
        ("mode", "both", "both"),
        ("level", "2", 2),
        ("colour", "blue", Colour.BLUE),
        ("size", "2", Size.LARGE),
        ("words", "a, b,", ("a", "b")),
        ("words", "", ()),
        ("numbers", "1,2", [1, 2]),
        ("pair", "a,2", ("a", 2)),
        ("day", "2025-12-31", date(2025, 12, 31)),
        ("length", "2 h", timedelta(hours=2)),
        ("either", "1", 1),
        ("either", "x", "x"),
    ],
)
def test_a_text_of_a_flag_becomes_what_the_class_declares(key, text, made):
    instance = structure({key: FlagText(text)}, Everything, folder=Path("/folder"))

    assert getattr(instance, key) == made
    assert type(getattr(instance, key)) is type(made)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("text", 3, "text: must be text in quotes, not 3"),
        ("flag", 1, "flag: must be true or false, not 1"),
        ("flag", "true", 'flag: must be true or false, not "true"'),
        ("flag", FlagText("perhaps"), 'flag: must be true or false, not "perhaps"'),
        ("whole", True, "whole: must be a whole number, not true"),
        ("whole", Decimal("1.0"), "whole: must be a whole number, not 1.0"),
        ("whole", "1", 'whole: must be a whole number, not "1"'),
        ("whole", 10**18, "whole: must be a whole number"),
        ("whole", FlagText("9" * 5000), "whole: must be a whole number"),
        ("real", "abc", 'real: must be a number, not "abc"'),
        ("exact", 0.1, "exact: must be a number, not 0.1"),
        ("exact", Decimal("nan"), "exact: must be a number, not NaN"),
        ("exact", FlagText("inf"), 'exact: must be a number, not "inf"'),
        ("exact", FlagText("1e999999"), "exact: must be a number"),
        ("positive", 0, "positive: must be above zero"),
        ("path", 3, "path: must be the path of a file or folder in quotes, not 3"),
        ("path", "a\0b", 'path: must be the path of a file or folder in quotes, not "a?b"'),
        ("mode", "botj", 'mode: must be "print" or "both", not "botj"'),
        ("level", "1", 'level: must be 1 or 2, not "1"'),
        ("level", True, "level: must be 1 or 2, not true"),
        ("colour", "rde", 'colour: must be "red" or "blue", not "rde"'),
        ("words", "a", 'words: must be a list, not "a"'),
        ("words", ["a", 1], "words[1]: must be text in quotes, not 1"),
        ("numbers", FlagText("1,b"), 'numbers[1]: must be a whole number, not "b"'),
        ("colours", [["red"]], 'colours[0]: must be "red" or "blue", not a list'),
        ("pair", ["a"], "pair: must be a list of 2, not of 1"),
        ("day", datetime(2025, 1, 1, tzinfo=UTC), "day: must be a date like 2025-12-31"),
        ("moment", datetime(2025, 1, 1), "moment: must be a time like 2025-12-31T16:00:00Z"),
        ("hour", "late", 'hour: must be a time of day like 16:00:00, not "late"'),
        ("length", 5, "length: must be a length of time like"),
        ("inner", [], "inner: must be a table, not a list"),
        ("inner", FlagText("x"), 'inner: must be a table, not "x"'),
        ("inner", {}, "inner.number: is missing"),
        ("inner", {"number": 1, "nubmer": 2}, 'inner.nubmer: unknown key (did you mean "number"?)'),
        ("inner", {"number": 1, "x": 2}, "inner.x: unknown key (known: number, words)"),
        (
            "by_name",
            {"red": {"number": "x"}},
            'by_name.red.number: must be a whole number, not "x"',
        ),
        ("by_name", {"rad": {"number": 1}}, 'by_name.rad: must be "red" or "blue", not "rad"'),
        ("either", [], "either: must be text in quotes, not a list"),
        ("list_or_tables", ["a", 1], "list_or_tables[1]: must be text in quotes, not 1"),
        ("list_or_tables", {"a": 1}, "list_or_tables.a: must be a table, not 1"),
        ("list_or_tables", 1, "list_or_tables: must be a list, not 1"),
        ("is", 1, "is: must be true or false, not 1"),
        ("is_", True, 'is_: unknown key (did you mean "is"?)'),
        ("a b\x1b", 1, '"a b?": unknown key'),
    ],
)
def test_a_wrong_value_is_named_with_its_place(key, value, fault):
    with pytest.raises(ConfigurationError) as caught:
        structure({key: value}, Everything, where="x.toml")

    assert caught.value.what.startswith(fault)
    assert caught.value.where == "x.toml"


def test_all_faults_are_found_at_once():
    table = {"whole": "a", "positive": -1, "inner": {"words": [1, 2], "x": 1}, "colour": "x"}
    _instance, faults = try_structure(table, Everything, place="brokers.acme")

    assert {fault.place for fault in faults} == {
        "brokers.acme.whole",
        "brokers.acme.positive",
        "brokers.acme.inner.number",
        "brokers.acme.inner.words[0]",
        "brokers.acme.inner.words[1]",
        "brokers.acme.inner.x",
        "brokers.acme.colour",
    }
    with pytest.raises(ConfigurationError, match=r"\(and 4 more\)$"):
        structure(table, Everything)


@pytest.mark.parametrize("value", ["5WX00001", "x" * 30, 12345678, Decimal("1234.5")])
def test_a_value_that_may_be_an_account_number_or_a_secret_is_not_repeated(value):
    for key in ("mode", "flag", "words"):
        with pytest.raises(ConfigurationError) as caught:
            structure({key: value}, Everything)
        assert str(value) not in caught.value.what


@attrs.frozen(kw_only=True)
class Careful:
    login: str = setting("a", title="how to log in")
    other: str = "a"

    def __attrs_post_init__(self) -> None:
        if self.login == self.other == "b":
            raise ValueError("login and other must differ")
        if self.login == "crash":
            raise RuntimeError(self.login)


def test_a_class_refuses_in_its_own_words_what_only_it_can_judge():
    with pytest.raises(ConfigurationError, match=r"^brokers\.acme: login and other must differ$"):
        structure({"login": "b", "other": "b"}, Careful, place="brokers.acme")
    with pytest.raises(
        ConfigurationError, match=r"^brokers.acme: not acceptable \(RuntimeError\)$"
    ):
        structure({"login": "crash"}, Careful, place="brokers.acme")


@attrs.frozen
class Unreadable:
    thing: object
    other: Undefined = None  # type: ignore[name-defined]  # noqa: F821


def test_a_class_whose_types_cannot_be_found_is_refused_without_a_traceback():
    with pytest.raises(ConfigurationError, match="Unreadable has a type"):
        structure({}, Unreadable)


ANY = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.decimals(),
        st.text(max_size=6),
        st.text(max_size=6).map(FlagText),
        st.floats(),
        st.dates(),
        st.datetimes(),
        st.sampled_from(["red", "both", "2 h", 10**4000]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = st.sampled_from([*[key for key, _value, _made in GOOD], "is", "x"])


@given(st.dictionaries(FIELDS, ANY, max_size=6))
def test_any_table_is_an_instance_or_an_error_with_a_place(table):
    try:
        made = structure(table, Everything, folder=Path("/folder"))
    except ConfigurationError as error:
        place, colon, what = error.what.partition(": ")
        assert (bool(place), colon, bool(what)) == (True, ": ", True)
    else:
        assert isinstance(made, Everything)


def test_cattrs_is_not_imported_for_help():
    code = (
        "import sys\nfrom variance_bridge.cli.error_report import run\n"
        "import variance_bridge.settings.table_to_class\n"
        "run(['--help'])\nsys.exit('cattrs' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert done.returncode == 0


def test_a_table_of_texts_is_taken_as_it_is_and_nothing_is_imported_to_convert_it(monkeypatch):
    @attrs.frozen(kw_only=True)
    class Addressed:
        url: str
        account: str | None = None

    monkeypatch.setattr(structure_module, "_converter", None)
    table = {"url": FlagText("http://127.0.0.1:1/"), "account": "7"}
    made = structure(table, Addressed)

    assert made == Addressed(url="http://127.0.0.1:1/", account="7")
    assert type(made.url) is str
