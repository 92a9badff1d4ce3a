"""Accounts, positions and balances of Interactive Brokers, from one Flex statement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from variance_bridge import (
    Account,
    BrokerContext,
    DataRefused,
    Environment,
    PersonalKind,
    Portfolio,
    RawPortfolio,
    Timeliness,
)
from variance_bridge.rows import Members, collect, exchange_rates, list_of, object_of
from variance_bridge.trading_hours import close_of, exchange_date
from variance_bridge_ibkr.api import Api
from variance_bridge_ibkr.balances import sheet_of
from variance_bridge_ibkr.flex_responses import by_account, last_day, statements_of
from variance_bridge_ibkr.flex_values import stated
from variance_bridge_ibkr.lots import level_of, one_row_each, renumbered
from variance_bridge_ibkr.positions import (
    SOURCE,
    Terms,
    base_currency,
    needed_settings,
    read_row,
    useful_settings,
)

_POSITIONS = "OpenPositions"
_PAPER = re.compile(r"D[UF][0-9]{5,9}")
_PERSONAL = {
    "name": PersonalKind.NAME,
    "acctAlias": PersonalKind.NAME,
    "primaryEmail": PersonalKind.EMAIL,
    "street": PersonalKind.ADDRESS,
    "street2": PersonalKind.ADDRESS,
}


class IbkrBroker:
    """All accounts of one Flex query. One statement serves a run: its accounts and what they hold."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context
        self._api = Api(context)
        self._asked_at: datetime | None = None
        self._statements: Mapping[str, Mapping[str, Any]] = {}

    def accounts(self) -> Sequence[Account]:
        """The accounts in the statement. Raises as `Api.statement`."""
        self._read()
        return [_account(number, each) for number, each in self._statements.items()]

    def fetch(self, account: Account) -> RawPortfolio:
        """The account's statement, as mappings of its attributes; known to be true at the close of its last day."""
        if account.number not in self._statements:
            self._read()
        statement = self._statements.get(account.number)
        if statement is None or self._asked_at is None:
            raise DataRefused(
                "the account is not in the statement", hint="add the account to the Flex query"
            )
        return RawPortfolio(
            account=account,
            payloads={"statement": statement},
            fetched_at=min(close_of(last_day(statement)), self._asked_at),
            environment=environment_of(account.number, self._api.environment),
        )

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The statement in the lingua franca. Pure."""
        statement = object_of(raw.payloads, "statement")
        if _POSITIONS not in statement:
            raise _lacking(["the section Open Positions"])
        given = list_of(statement, _POSITIONS)
        if lacking := needed_settings(given):
            raise _lacking(lacking)
        rows = [stated(row) for row in given]
        cash = statement.get("CashReport")
        of_money = [*rows, *(cash if isinstance(cash, list | tuple) else ())]
        base = base_currency(statement.get("AccountInformation"), of_money)
        terms = Terms(
            base=base,
            as_of=exchange_date(raw.fetched_at),
            leveled=any(map(level_of, rows)),
        )
        sheet = sheet_of(statement, base)
        numbered = one_row_each(rows)
        found = collect([row for _number, row in numbered], partial(read_row, terms=terms))
        return renumbered(found, [number for number, _row in numbered]).portfolio(
            raw,
            source=SOURCE,
            currency=base,
            balances=sheet.balances,
            cautions=sheet.cautions,
            warnings=[_wish(label) for label in useful_settings(given)],
            timeliness=Timeliness.END_OF_DAY,
            exchange_rates=exchange_rates(
                (
                    (row.currency("currency"), row.number("fxRateToBase"))
                    for row in map(Members, of_money)
                ),
                base,
                last_day(statement),
            ),
        )

    def _read(self) -> None:
        self._asked_at = self._context.clock.now()
        self._statements = by_account(statements_of(self._api.statement()))
        for statement in self._statements.values():
            owner = Members(statement.get("AccountInformation"))
            for name, kind in _PERSONAL.items():
                self._context.personal.add(owner.word(name) or "", kind)


def environment_of(number: str, asked: Environment) -> Environment:
    """The world of an account: one for paper trading, which its number shows, is in the same query as others."""
    return Environment.SIMULATOR if _PAPER.fullmatch(number) else asked


def _account(number: str, statement: Mapping[str, Any]) -> Account:
    owner = Members(stated(statement.get("AccountInformation")))
    return Account(
        number=number,
        kind=owner.word("accountType"),
        nickname=owner.word("acctAlias"),
        currency=owner.currency("currency"),
    )


def _lacking(labels: Sequence[str]) -> DataRefused:
    return DataRefused(
        f"the Flex query lacks {', '.join(labels)}",
        hint=f"add {' and '.join(labels)} to the query in the Client Portal, then run the sync again",
    )


def _wish(label: str) -> str:
    return (
        f"the Flex query has no {label}: add {label} to it, or the money of positions stays unknown"
    )
