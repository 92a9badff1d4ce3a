"""Values that must not get out, planted where they would be seen: credentials, and members with personal data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from variance_bridge.broker import Credential
from variance_bridge.personal_values import Secret

MARK: Final = "canarybird"

PLANTED: Final[Mapping[str, str]] = {
    "accountHolderName": "Canarybird Featherstone",
    "account_holder_name": "Canarybird Featherstone",
    "owner": "Featherstone Canarybird",
    "email": "canarybird@mail.example",
    "email-address": "canarybird@mail.example",
    "phone": "+1 555 0100 canarybird",
    "address": "1 Canarybird Lane",
    "tax_id": "canarybird-000-00-0000",
    "notes": "call Canarybird about this",
    "description": "held for Canarybird",
}
"""Members that a broker may add any day, and that say who the user is."""

WORD: Final = "~canarybird~ 5XX99999"
"""Takes the place of a text. No symbol, currency, number, date or registry name can be spelled like this."""


ROTATED: Final = f"{MARK}-rotated-4b1d77c2e09a"
"""A refresh token that takes the place of the one that was given."""


def credential_value(credential: Credential) -> Secret:
    """A secret that can be found again wherever it turns up."""
    return Secret(f"{MARK}-{credential.name.lower()}-93f1c07a5be2")


def with_planted_members(value: Any) -> Any:
    """The same JSON value with personal members in each of its objects."""
    if isinstance(value, Mapping):
        own = {name: with_planted_members(member) for name, member in value.items()}
        return {**{name: text for name, text in PLANTED.items() if name not in own}, **own}
    if isinstance(value, list):
        return [with_planted_members(item) for item in value]
    return value


def shows(text: str) -> bool:
    """Whether a planted value can be seen in a text."""
    return MARK in text.casefold()
