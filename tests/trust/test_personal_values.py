"""What is personal is recognised in every spelling, and a secret shows itself to nobody."""

from __future__ import annotations

import base64
import copy
import html
import json
import logging
import pickle
from urllib.parse import quote, quote_plus

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from variance_bridge.personal_values import (
    MASK,
    WITHHELD,
    PersonalKind,
    PersonalValues,
    Secret,
)

TOKEN = "canary-7f3a-token"
NUMBER = "5WX00001"

ENCODINGS = {
    "as it is": lambda value: value,
    "upper case": str.upper,
    "lower case": str.lower,
    "swapped case": str.swapcase,
    "percent-encoded": lambda value: quote(value, safe=""),
    "percent-encoded as a form": quote_plus,
    "percent-encoded in lower case": lambda value: quote(value, safe="").lower(),
    "every byte percent-encoded": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "percent-encoded twice": lambda value: quote(quote(value, safe=""), safe=""),
    "every byte percent-encoded twice": lambda value: "".join(
        f"%25{byte:02x}" for byte in value.encode()
    ),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 without padding": lambda value: base64.b64encode(value.encode()).decode().rstrip("="),
    "base64 at offset 1": lambda value: base64.b64encode(b"u" + value.encode() + b":x").decode(),
    "base64 at offset 2": lambda value: base64.b64encode(b"us" + value.encode()).decode(),
    "base64 in a long text": lambda value: base64.b64encode(
        b"somebody:" + value.encode() + b" and so on"
    ).decode(),
    "URL-safe base64": lambda value: base64.urlsafe_b64encode(b"??" + value.encode()).decode(),
    "base64 of the upper case": lambda value: base64.b64encode(value.upper().encode()).decode(),
    "hexadecimal": lambda value: value.encode().hex(),
    "hexadecimal in upper case": lambda value: value.encode().hex().upper(),
    "JSON": json.dumps,
    "JSON with every character escaped": lambda value: "".join(
        f"\\u{int.from_bytes(pair, 'big'):04x}"
        for pair in (
            value.encode("utf-16-be")[i : i + 2]
            for i in range(0, len(value.encode("utf-16-be")), 2)
        )
    ),
    "JSON in JSON": lambda value: json.dumps(json.dumps(value)),
    "HTML": html.escape,
    "HTML decimal references": lambda value: "".join(f"&#{ord(sign)};" for sign in value),
    "HTML hexadecimal references": lambda value: "".join(f"&#x{ord(sign):X};" for sign in value),
    "Python repr": repr,
    "Python bytes repr": ascii,
}

PERSONAL = [
    NUMBER,
    "jane.doe+ira@example.com",
    "Jane Example-Dœ",
    "Zoë O'Brien & Søns",
    "12345678",
    "correct horse battery staple",
    "🦄 retirement",
    'a "quoted" nickname',
    "back\\slash-name",
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", PERSONAL)
def test_a_personal_value_is_found_and_redacted_in_every_case_and_encoding(
    value: str, encoding: str
) -> None:
    personal = PersonalValues()
    personal.add(value)
    spelled = ENCODINGS[encoding](value)
    text = f"before {spelled} after"
    assert personal.find(text)
    redacted = personal.redact(text)
    assert spelled not in redacted
    assert not personal.find(redacted)
    assert MASK in redacted or redacted == WITHHELD


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if name != "JSON in JSON"])
def test_redaction_keeps_the_rest_of_the_text(encoding: str) -> None:
    personal = PersonalValues()
    personal.add(NUMBER)
    redacted = personal.redact(f"before {ENCODINGS[encoding](NUMBER)} after")
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")


def test_composed_and_decomposed_characters_are_the_same_name() -> None:
    personal = PersonalValues()
    personal.add("Zoe\u0308 Muster")
    assert personal.find("account of zo\u00eb muster")
    assert not personal.find(personal.redact("account of Zo\u00eb Muster"))


def test_full_width_digits_are_the_same_number() -> None:
    personal = PersonalValues()
    personal.add(NUMBER)
    assert personal.find("\uff15\uff37\uff38\uff10\uff10\uff10\uff10\uff11")


def test_a_number_with_separators_is_known_without_them() -> None:
    personal = PersonalValues()
    personal.add("1234-5678")
    assert personal.find("12345678")
    assert personal.find("1234-5678")


@pytest.mark.parametrize(
    ("value", "innocent"),
    [
        ("1", "1 position of 100"),
        ("x", "x"),
        ("", "anything"),
        ("  ", "a  b"),
        ("Jo", "joint account"),
        ("123", "12345"),
        ("4711", "847110"),
        ("Mark", "market data, marked"),
        ("Al", "total value"),
        ("A1", "SA12"),
    ],
)
def test_a_short_value_does_not_match_inside_other_words(value: str, innocent: str) -> None:
    personal = PersonalValues()
    personal.add(value)
    assert not personal.find(innocent)
    assert personal.redact(innocent) == innocent


@pytest.mark.parametrize(
    ("value", "text", "redacted"),
    [
        ("Jo", "hello JO, welcome", "hello ***, welcome"),
        ("123", "account ...123.", "account ...***."),
        ("4711", "account x4711y", "account x***y"),
        ("Mark", "mark@bank", "***@bank"),
    ],
)
def test_a_short_value_is_redacted_where_it_stands_alone(
    value: str, text: str, redacted: str
) -> None:
    personal = PersonalValues()
    personal.add(value)
    assert personal.redact(text) == redacted


def test_the_kind_is_reported_and_the_value_is_not() -> None:
    personal = PersonalValues()
    personal.add(NUMBER, PersonalKind.ACCOUNT_NUMBER)
    personal.add("jane@example.com")
    personal.add(Secret(TOKEN))
    personal.add("Jane Example")
    assert personal.find(f"{NUMBER} {TOKEN}") == (
        PersonalKind.ACCOUNT_NUMBER,
        PersonalKind.CREDENTIAL,
    )
    assert personal.find("mailto:JANE%40example.com") == (PersonalKind.EMAIL,)
    assert personal.find("jane+example") == (PersonalKind.OTHER,)
    shown = f"{personal!r} {list(personal)!r}"
    assert not personal.find(shown)


def test_many_values_are_redacted_from_one_text_at_once() -> None:
    personal = PersonalValues()
    for value in ("Jane Example", "Example-Street 1", NUMBER, NUMBER + "9"):
        personal.add(value)
    text = f"Jane Example, Example-Street 1, {NUMBER}9 and {NUMBER}"
    assert personal.redact(text) == "***, ***, *** and ***"


def test_personal_values_are_never_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(PersonalValues())


@settings(max_examples=150, deadline=None)
@given(
    value=st.text(min_size=7, max_size=20),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
@example(value="\ud800abcdefg", before="", after="")
@example(value="ßßßßßßß", before="", after="")
@example(value="İİİİİİİ", before="", after="")
@example(value="%41%42%43", before="", after="")
def test_no_value_survives_redaction(value: str, before: str, after: str) -> None:
    personal = PersonalValues()
    personal.add(value)
    redacted = personal.redact(before + value + after)
    assert not personal.find(redacted)
    if len(value.strip()) >= 7:
        assert value.strip() not in redacted


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_a_text_without_personal_values_is_left_alone(text: str) -> None:
    personal = PersonalValues()
    personal.add("canary-0123456789-canary")
    assert personal.redact(text) == text


@attrs.frozen
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        "{}".format,
        "{!r}".format,
        "{:>40}".format,
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: f"{secret=}",
        lambda secret: repr([secret, {"token": secret}]),
        lambda secret: repr(Holder(secret)),
        lambda secret: json.dumps(secret, default=str),
        lambda secret: repr(attrs.asdict(Holder(secret))),
        lambda secret: repr(copy.deepcopy(secret)) + repr(copy.copy(secret)),
    ],
)
def test_a_secret_shows_stars_however_it_is_shown(show) -> None:
    shown = show(Secret(TOKEN))
    assert TOKEN not in shown
    assert MASK in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_never_pickled(protocol: int) -> None:
    for value in (Secret(TOKEN), Holder(Secret(TOKEN)), [Secret(TOKEN)]):
        with pytest.raises(TypeError) as caught:
            pickle.dumps(value, protocol)
        assert TOKEN not in str(caught.value)


def test_a_secret_does_not_become_json() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"token": Secret(TOKEN)})
    assert TOKEN not in str(caught.value)


def test_a_secret_is_not_hashed_concatenated_iterated_or_given_attributes() -> None:
    secret = Secret(TOKEN)
    for misuse in (
        lambda: hash(secret),
        lambda: "Bearer " + secret,
        lambda: list(secret),
        lambda: len(secret),
        lambda: vars(secret),
    ):
        with pytest.raises(TypeError) as caught:
            misuse()
        assert TOKEN not in str(caught.value)
    with pytest.raises(AttributeError):
        secret.note = "x"


def test_a_secret_takes_a_str_and_does_not_show_what_else_it_was_given() -> None:
    with pytest.raises(TypeError) as caught:
        Secret(TOKEN.encode())
    assert "canary" not in str(caught.value)


def test_secrets_are_equal_by_value_and_never_equal_to_text() -> None:
    assert Secret(TOKEN) == Secret(TOKEN)
    assert Secret(TOKEN) != Secret(TOKEN + "x")
    assert Secret(TOKEN) != TOKEN
    assert Secret("ü") == Secret("ü")
    assert Secret("\ud800") != Secret("x")


def test_a_secret_is_revealed_on_request_and_can_be_prefixed() -> None:
    assert Secret(TOKEN).reveal() == TOKEN
    assert Secret(TOKEN).prefixed("Bearer ").reveal() == f"Bearer {TOKEN}"
    assert Secret(TOKEN)
    assert not Secret("")


def test_a_secret_in_a_log_call_is_stars(caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("trust").debug("token %s", Secret(TOKEN), extra={"t": Secret(TOKEN)})
    assert TOKEN not in caplog.text
