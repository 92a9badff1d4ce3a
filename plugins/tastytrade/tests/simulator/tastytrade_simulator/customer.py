"""The customer whose accounts the simulator has: every member that the API's public clients require, and nobody's data. Pure."""

from __future__ import annotations

from variance_bridge_tastytrade.demo_server.payloads import Object

_ADDRESS: Object = {
    "street-one": "1 Example Street",
    "city": "Springfield",
    "state-region": "IL",
    "postal-code": "00000",
    "country": "USA",
    "is-domestic": True,
    "is-foreign": False,
}


def customer(username: str) -> Object:
    """The answer to `/customers/me`. Members: the model `Customer` of the SDK tastyware/tastytrade 13.2."""
    return {
        "id": "me",
        "username": username,
        "first-name": "Example",
        "last-name": "Trader",
        "address": dict(_ADDRESS),
        "mailing-address": dict(_ADDRESS),
        "is-foreign": False,
        "usa-citizenship-type": "Citizen",
        "mobile-phone-number": "+10000000000",
        "birth-date": "1970-01-01",
        "email": f"{username}@example.invalid",
        "tax-number-type": "SSN",
        "subject-to-tax-withholding": False,
        "has-industry-affiliation": False,
        "has-listed-affiliation": False,
        "has-political-affiliation": False,
        "has-delayed-quotes": False,
        "has-pending-or-approved-application": True,
        "is-professional": False,
        "permitted-account-types": [],
        "created-at": "2020-01-02T15:04:05.000+00:00",
    }
