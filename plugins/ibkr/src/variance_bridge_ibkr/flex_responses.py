"""The XML of the Flex Web Service as plain mappings, parsed once, and its error codes as errors. Pure.

Every answer has the status 200. `FlexStatementResponse` is the answer to the first step and the envelope of all errors;
`FlexQueryResponse` holds the statements. Source of the codes: IBKR guides, "Flex Web Service Version 3: Error Codes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from msgspec import Struct

from variance_bridge import BrokerRefused, BrokerUnreachable, DataRefused
from variance_bridge.errors import BridgeError, ConfigurationError
from variance_bridge.formatting import repr_without
from variance_bridge.rows import RowRejected
from variance_bridge_ibkr.flex_values import flex_day

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SECTIONS = ("OpenPositions", "EquitySummaryInBase", "CashReport")
"""The sections with rows that are read. A statement may have many others."""

AGAIN = "run the sync again; if it happens again, the service has changed: report it"
_TOKEN = "create a new token in the Client Portal, then `variance auth set --broker ibkr`"  # noqa: S105 - advice
_LATER = "run the sync again in some minutes; statements are renewed once a day, after the close"
_QUERY = "check the setting `flex_query`: it is the number of an Activity Flex query of this login"


class Again(Enum):
    """When the same request may be sent again."""

    IN_PROGRESS = "in progress"
    LATER = "later"


class Problem(Struct, frozen=True):
    """What an error code means: when to ask again, and the error where that is over (or never begins)."""

    error: type[BridgeError]
    what: str
    hint: str
    again: Again | None = None


def _later(what: str) -> Problem:
    return Problem(BrokerUnreachable, what, _LATER, Again.LATER)


PROBLEMS = {
    "1001": _later("the statement could not be made"),
    "1003": Problem(BrokerUnreachable, "the statement is not available", _LATER),
    "1004": _later("the statement is not complete yet"),
    "1005": _later("the settlement data are not ready yet"),
    "1006": _later("the profits by lot are not ready yet"),
    "1007": _later("the profits of the day are not ready yet"),
    "1008": _later("the profits are not ready yet"),
    "1009": _later("the service is under heavy load"),
    "1010": Problem(
        ConfigurationError,
        "the query is a legacy Flex query, which the service does not run",
        "convert it to an Activity Flex query in the Client Portal",
    ),
    "1011": Problem(BrokerRefused, "the Flex Web Service is not active for this login", _TOKEN),
    "1012": Problem(BrokerRefused, "the token has expired", _TOKEN),
    "1013": Problem(
        BrokerRefused,
        "the token is bound to another network address than this machine's",
        "change the address in the Client Portal, or create a token without one",
    ),
    "1014": Problem(ConfigurationError, "the query does not exist for this login", _QUERY),
    "1015": Problem(BrokerRefused, "the token is not valid", _TOKEN),
    "1016": Problem(BrokerRefused, "an account of the query is not valid", _QUERY),
    "1017": Problem(BrokerUnreachable, "the service has lost the statement that it made", _LATER),
    "1018": _later("the limit of requests for this token is reached"),
    "1019": Problem(
        BrokerUnreachable, "the statement is still being made", _LATER, Again.IN_PROGRESS
    ),
    "1020": Problem(BrokerRefused, "the service could not validate the request", _TOKEN),
    "1021": _later("the statement could not be retrieved"),
}
_UNKNOWN = Problem(DataRefused, "the service answered with an error that is not known", AGAIN)
_CODE = re.compile(r"[0-9]{1,5}")


class Reference(Struct, frozen=True):
    """What the first step answers: where the statement can be had, and under which code."""

    code: str
    url: str

    __repr__ = repr_without("code")


def problem_error(problem: Problem, code: str) -> BridgeError:
    """The error of a code."""
    where = f"Flex Web Service, code {code}" if _CODE.fullmatch(code) else "Flex Web Service"
    return problem.error(problem.what, where=where, hint=problem.hint)


def element_of(body: bytes) -> Element:
    """The root of an answer.

    Raises:
        DataRefused: not XML, cut off, or with entities or a document type. Never taken for an empty statement.
    """
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise DataRefused("the answer is not XML, or is cut off", hint=AGAIN) from None
    return root


def failure_of(root: Element) -> tuple[Problem, str] | None:
    """The problem that an answer reports, and its code; None where it reports none."""
    if root.tag == "FlexStatementResponse":
        code = (root.findtext("ErrorCode") or "").strip()
        status = (root.findtext("Status") or "").strip()
        if code or status != "Success":
            return PROBLEMS.get(code, _UNKNOWN), code
    # Version 2 of the service, which answers where `v=3` gets lost on the way.
    elif root.tag == "FlexStatements" and (root.findtext("code") or "").strip():
        code = (root.findtext("code") or "").strip()
        return PROBLEMS.get(code, _UNKNOWN), code
    return None


def reference_of(root: Element) -> Reference:
    """Code and URL of a good first step.

    Raises:
        DataRefused: it has none.
    """
    code = (root.findtext("ReferenceCode") or "").strip()
    url = (root.findtext("Url") or "").strip()
    if root.tag != "FlexStatementResponse" or not _is_plain(code) or not url:
        raise DataRefused("the answer names no statement to fetch", hint=AGAIN)
    return Reference(code, url)


def _is_plain(code: str) -> bool:
    return 0 < len(code) <= 128 and code.isascii() and code.isalnum()


def statements_of(root: Element) -> list[dict[str, Any]]:
    """The statements, each as a mapping: its attributes, the rows of `SECTIONS`, `AccountInformation`.

    A section that the query does not have is absent; one without rows is an empty list.

    Raises:
        ConfigurationError: a Trade Confirmation query.
        DataRefused: not a complete response.
    """
    if root.tag != "FlexQueryResponse":
        raise DataRefused("the answer is not a Flex statement", hint=AGAIN)
    if root.get("type", "AF") != "AF":
        raise ConfigurationError("the query is not an Activity Flex query", hint=_QUERY)
    held = root.find("FlexStatements")
    found = [] if held is None else held.findall("FlexStatement")
    if held is None or not found or held.get("count", str(len(found))) != str(len(found)):
        raise DataRefused("statements are missing from the answer", hint=AGAIN)
    return [_statement(element) for element in found]


def _statement(element: Element) -> dict[str, Any]:
    statement: dict[str, Any] = dict(element.attrib)
    for name in SECTIONS:
        section = element.find(name)
        if section is not None:
            statement[name] = [dict(row.attrib) for row in section]
    information = element.find("AccountInformation")
    if information is not None:
        statement["AccountInformation"] = dict(information.attrib)
    return statement


def by_account(statements: list[dict[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The statement of each account; of several of one account the last.

    A statement over several accounts (a consolidated query) is taken apart by the `accountId` of its rows.

    Raises:
        DataRefused: a statement does not say whose it is.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for statement in statements:
        for number, own in _taken_apart(statement):
            other = found.get(number)
            if other is None or last_day(own) > last_day(other):
                found[number] = own
    return found


def last_day(statement: Mapping[str, Any]) -> date:
    """The day of whose close a statement is.

    Raises:
        DataRefused: it cannot be read.
    """
    try:
        day = flex_day(statement.get("toDate"))
    except RowRejected:
        day = None
    if day is None:
        raise DataRefused(
            "the last day of the statement cannot be read",
            hint="set the date format of the Flex query to yyyy-MM-dd",
        )
    return day


def _taken_apart(statement: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    number = statement.get("accountId", "")
    named = [row.get("accountId") or number for row in statement.get("OpenPositions", ())]
    owners = list(dict.fromkeys(named)) or [number]
    if not all(owners):
        raise DataRefused("a statement does not name its account", hint=AGAIN)
    if len(owners) == 1:
        return [(owners[0], statement)]
    return [(owner, {**statement, **_rows_of(statement, owner)}) for owner in owners]


def _rows_of(statement: dict[str, Any], owner: str) -> dict[str, Any]:
    number = statement.get("accountId", "")
    own: dict[str, Any] = {
        name: [row for row in statement[name] if (row.get("accountId") or number) == owner]
        for name in SECTIONS
        if name in statement
    }
    information = statement.get("AccountInformation", {})
    if information.get("accountId", number) != owner:
        # The sheet of another account: its currency is not this one's.
        own["AccountInformation"] = {}
    return {**own, "accountId": owner}
