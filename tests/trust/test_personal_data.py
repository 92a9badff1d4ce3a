"""Nothing personal is published, and nothing legal is refused because somebody is called like it."""

from __future__ import annotations

import base64
import copy
import json
import time
from decimal import Decimal
from urllib.parse import quote

import pytest

from variance_bridge.document import exact_json
from variance_bridge.errors import DataRefused
from variance_bridge.personal_values import PersonalKind, PersonalValues, Secret
from variance_bridge.pipeline.personal_data import find_personal, seal
from variance_bridge.storage.read import shipped_text

NUMBER = "5WX00001"
DIGITS = "12345678"
TOKEN = "Canary-7f3a.refresh_token"
EMAIL = "jane.doe@example.com"
NAME = "Jane Exampledottir"

KINDS = {
    NUMBER: PersonalKind.ACCOUNT_NUMBER,
    DIGITS: PersonalKind.ACCOUNT_NUMBER,
    TOKEN: PersonalKind.CREDENTIAL,
    EMAIL: PersonalKind.EMAIL,
    NAME: PersonalKind.NAME,
}

SPELLINGS = {
    "as it is": lambda value: value,
    "upper case": str.upper,
    "lower case": str.lower,
    "in a sentence": lambda value: f"of {value}, margin",
    "percent-encoded": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "quoted for a URL": lambda value: quote(value, safe=""),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 in a longer text": lambda value: base64.b64encode(f"id={value};".encode()).decode(),
    "hexadecimal": lambda value: value.encode().hex(),
    "JSON escapes": lambda value: "".join(f"\\u{ord(sign):04x}" for sign in value),
    "HTML references": lambda value: "".join(f"&#{ord(sign)};" for sign in value),
}


@pytest.fixture(scope="module")
def full():
    """The example that has every member of the schema."""
    return exact_json.loads(shipped_text("schemas/examples/full.json"))


@pytest.fixture
def document(full):
    return copy.deepcopy(full)


@pytest.fixture
def personal():
    values = PersonalValues()
    for value, kind in KINDS.items():
        values.add(value, kind)
    return values


def text_places(value, path=()):
    """The path of every text in a document."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from text_places(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from text_places(member, (*path, index))
    elif isinstance(value, str):
        yield path


def put(document, path, value):
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value


def pointer(path) -> str:
    return "".join(f"/{step}" for step in path)


def test_the_examples_give_nothing_away(document, personal) -> None:
    seal(document, personal)
    for name in ("empty", "rfc"):
        seal(exact_json.loads(shipped_text(f"schemas/examples/{name}.json")), personal)


@pytest.mark.parametrize("value", KINDS)
def test_a_personal_value_is_found_in_every_text(full, personal, value: str) -> None:
    missed = []
    for path in text_places(full):
        document = copy.deepcopy(full)
        put(document, path, value)
        hits = [(hit.pointer, hit.kind) for hit in find_personal(document, personal)]
        if hits != [(pointer(path), KINDS[value])]:
            missed.append(pointer(path))
    assert missed == []


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("value", KINDS)
def test_a_personal_value_is_found_in_every_spelling(
    document, personal, value: str, spelling: str
) -> None:
    spelled = SPELLINGS[spelling](value)
    for path in (
        ("meta", "generator"),
        ("positions", 0, "broker_symbol"),
        ("positions", 1, "sector"),
    ):
        put(document, path, spelled)
    document["meta"]["note"] = spelled
    hits = find_personal(document, personal)
    assert {hit.kind for hit in hits} == {KINDS[value]}
    assert sorted(hit.pointer for hit in hits) == [
        "/meta/*",
        "/meta/generator",
        "/positions/0/broker_symbol",
        "/positions/1/sector",
    ]


@pytest.mark.parametrize("value", KINDS)
def test_a_personal_value_is_found_as_a_name_and_not_reported(
    document, personal, value: str
) -> None:
    document["positions"][0][f"x-{value}"] = 1
    with pytest.raises(DataRefused) as caught:
        seal(document, personal)
    assert "/positions/0/* (" in str(caught.value)
    assert not personal.find(str(caught.value) + str(caught.value.hint))


def test_a_personal_value_below_an_unknown_name_is_found(document, personal) -> None:
    document["meta"]["owner"] = {"names": ["somebody", {"full": NAME}]}
    with pytest.raises(DataRefused, match=r"/meta/\*/\*/1/\* \(name\)"):
        seal(document, personal)


@pytest.mark.parametrize(
    "number",
    [
        12345678,
        -12345678,
        Decimal(12345678),
        Decimal("-12345678.50"),
        Decimal("1.2345678E+7"),
        12345678.0,
    ],
)
def test_an_account_number_of_digits_is_found_as_a_number(document, personal, number) -> None:
    document["balances"]["cash"] = number
    with pytest.raises(DataRefused, match=r"/balances/cash \(account number\)"):
        seal(document, personal)


@pytest.mark.parametrize(
    "number", [1234567, 123456789, Decimal("0.12345678"), Decimal("1E+300"), Decimal("NaN"), 0]
)
def test_another_number_is_not_an_account_number(document, personal, number) -> None:
    document["balances"]["cash"] = number
    seal(document, personal)


def test_an_account_number_with_leading_zeros_is_found_as_a_number(document) -> None:
    personal = PersonalValues()
    personal.add("0012345678")
    document["balances"]["cash"] = 12345678
    with pytest.raises(DataRefused):
        seal(document, personal)


def test_the_plain_number_in_place_of_the_hash_is_found(document) -> None:
    personal = PersonalValues()
    personal.add("1234567890", PersonalKind.ACCOUNT_NUMBER)
    document["meta"]["account_hash"] = "1234567890***"
    with pytest.raises(DataRefused, match=r"/meta/account_hash \(account number\)"):
        seal(document, personal)


def test_the_message_tells_at_most_three_places_and_no_value(document, personal) -> None:
    for position in document["positions"]:
        position["sector"] = NAME
        position["broker_symbol"] = NUMBER
    count = 2 * len(document["positions"])
    with pytest.raises(DataRefused) as caught:
        seal(document, personal)
    assert f"and {count - 3} more" in str(caught.value)
    assert not personal.find(str(caught.value))
    assert caught.value.exit_code == 6


ORDINARY = [
    "SPY", "spy", "SPX", "/ES", "BTC/USD", "BRK/B", "BABA", "F", "Ford", "Gold", "Cash", "Long", "short", "Option",
    "Stock", "Call", "meta", "Mark", "Delta", "Positions", "simulator", "Production", "USD", "EUR", "csv", "acme",
    "2025", "1218", "123", "100", "450", "1", "Energy", "Technology", "Real Estate", "Health Care", "complete", "Z",
    "Individual", "Roth IRA", "Margin", "variance", "bridge", "source", "Jo", "A1", "ESZ5", "quantity", "250.00",
]  # fmt: skip


@pytest.mark.parametrize("nickname", ORDINARY)
def test_a_legal_document_is_published_whatever_the_account_is_called(
    document, nickname: str
) -> None:
    document["positions"][0]["sector"] = "Energy and Technology, Real Estate, Health Care"
    personal = PersonalValues()
    personal.add(nickname)
    seal(document, personal)


@pytest.mark.parametrize("nickname", ["Zanzibar", "Roth IRA", "Mom", "123", "1218"])
def test_an_ordinary_word_is_found_where_free_text_could_stand(document, nickname: str) -> None:
    personal = PersonalValues()
    personal.add(nickname)
    document["positions"][0]["sector"] = f"account {nickname}"
    document["meta"]["note"] = nickname
    assert [hit.pointer for hit in find_personal(document, personal)] == [
        "/meta/*",
        "/positions/0/sector",
    ]


@pytest.mark.parametrize("nickname", ["Jane Doe", "Roth IRA"])
def test_a_name_of_several_words_is_found_in_a_symbol(document, nickname: str) -> None:
    personal = PersonalValues()
    personal.add(nickname)
    document["positions"][0]["root"] = nickname.upper()
    with pytest.raises(DataRefused, match="/positions/0/root"):
        seal(document, personal)


@pytest.mark.parametrize("number", ["00450000", "2512190", "5000000", "20251219"])
def test_digits_of_a_date_or_strike_are_no_account_number(document, number: str) -> None:
    personal = PersonalValues()
    personal.add(number)
    document["positions"][0]["symbol"] = "SPY   251219P00450000"
    document["positions"][0]["broker_symbol"] = "./ESZ5 EW3Z5 251219P6000"
    document["positions"][0]["expiration"] = "2025-12-19"
    seal(document, personal)


def test_a_credential_of_letters_alone_is_found_in_a_symbol(document) -> None:
    personal = PersonalValues()
    personal.add(Secret("CORRECTHORSE"))
    document["positions"][0]["root"] = "XCORRECTHORSEX"
    with pytest.raises(DataRefused, match="credential"):
        seal(document, personal)


def test_without_personal_values_everything_passes(document) -> None:
    document["meta"]["note"] = NAME
    seal(document, PersonalValues())


def test_a_large_document_is_searched_in_bounded_time(document) -> None:
    personal = PersonalValues()
    for index in range(20):
        personal.add(f"5WX{index:05}")
        personal.add(f"Person{index} Example")
    personal.add("SPY")
    positions = document["positions"]
    document["positions"] = [copy.copy(positions[i % len(positions)]) for i in range(5000)]
    document["positions"][-1] = {**document["positions"][-1], "sector": "of 5wx00019"}
    started = time.process_time()
    hits = find_personal(document, personal)
    assert [hit.pointer for hit in hits] == ["/positions/4999/sector"]
    assert time.process_time() - started < 5


def test_the_search_is_the_same_on_what_is_written(document, personal) -> None:
    document["positions"][0]["sector"] = NAME
    written = json.loads(exact_json.dumps(document))
    assert find_personal(written, personal) == find_personal(document, personal)
