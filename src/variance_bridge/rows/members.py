"""An object's members, read one by one: what is required costs the row, what is optional a caution. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from variance_bridge.minor_units import MoneyUnit, money_unit
from variance_bridge.model import Balances, Caution, Rejection, Side
from variance_bridge.rows.instruments import agreed_instrument
from variance_bridge.rows.values import RowRejected, day, moment, number, word
from variance_bridge.symbology import Instrument, InstrumentType, OptionType

T = TypeVar("T")

_RIGHTS = {
    "call": OptionType.CALL,
    "c": OptionType.CALL,
    "put": OptionType.PUT,
    "p": OptionType.PUT,
}
# A share or a coin is one unit, so a broker that says nothing of a multiplier has said it.
_UNITS = frozenset({InstrumentType.STOCK, InstrumentType.CRYPTO})
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_NUMBER_UNREADABLE = Caution.NUMBER_UNREADABLE
_DATE_UNREADABLE = Caution.DATE_UNREADABLE
_QUANTITY_MISSING = Rejection.QUANTITY_MISSING
_QUANTITY_UNREADABLE = Rejection.QUANTITY_UNREADABLE
_OUT_OF_RANGE = Rejection.OUT_OF_RANGE
_SIDE_MISSING = Rejection.SIDE_MISSING
_SIDE_UNKNOWN = Rejection.SIDE_UNKNOWN
_TYPE_MISSING = Rejection.TYPE_MISSING
_TYPE_UNKNOWN = Rejection.TYPE_UNKNOWN
_SYMBOL_MISSING = Rejection.SYMBOL_MISSING
_SYMBOL_UNREADABLE = Rejection.SYMBOL_UNREADABLE


class _Found:
    """What was found out about a row while its members were read."""

    __slots__ = ("cautions", "unit")

    def __init__(self) -> None:
        self.cautions: dict[Caution, None] = {}
        self.unit: MoneyUnit | None = None


class Members:
    """A row, an account or any other object of an answer.

    An optional member (`number`, `moment`, `day`, `word`, ...) is None where it is absent. Where it is there and
    unreadable it is None too, and remembered in `cautions`, which `collect` puts into the flags of the row. A required
    member (`quantity`, `side`, `instrument_type`, `instrument`, `required`) raises `RowRejected` with its reason.

    Args:
        source: the object. Anything else has no members.
    """

    __slots__ = ("_found", "_source")

    def __init__(self, source: Any, *, found: _Found | None = None) -> None:
        # A dict is most of what there is, and asking the abstract class takes ten times as long.
        is_object = type(source) is dict or isinstance(source, Mapping)
        self._source: Mapping[str, Any] = source if is_object else {}
        self._found = found or _Found()

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """What a reader should know, each once, in the order in which it was found."""
        return tuple(self._found.cautions)

    @property
    def unit(self) -> MoneyUnit | None:
        """What the row's money is counted in, by the last currency that was read; None where none was."""
        return self._found.unit

    def caution(self, caution: Caution) -> None:
        """Remember one more."""
        self._found.cautions[caution] = None

    def get(self, name: str) -> Any:
        """The member as it came; None where it is absent."""
        return self._source.get(name)

    def is_absent(self, name: str) -> bool:
        """Whether there is nothing to read: no member, null or an empty text."""
        return self.get(name) in (None, "")

    def nested(self, name: str) -> Members:
        """The members of an object in this one, with the same cautions and currency."""
        return Members(self.get(name), found=self._found)

    def number(self, name: str) -> Decimal | None:
        """An optional exact number (`rows.number`)."""
        return self._optional(number, name, _NUMBER_UNREADABLE)

    def moment(self, name: str) -> datetime | None:
        """An optional instant (`rows.moment`)."""
        return self._optional(moment, name, _DATE_UNREADABLE)

    def day(self, name: str) -> date | None:
        """An optional day of the calendar (`rows.day`)."""
        return self._optional(day, name, _DATE_UNREADABLE)

    def word(self, name: str) -> str | None:
        """An optional short text. Anything but a text is unknown, without a caution."""
        return self._optional(word, name, None)

    def currency(self, name: str) -> str | None:
        """An optional currency by its ISO 4217 code, or the one of which the word is a part: GBP for `GBX` and `GBp`.

        `collect` then brings the money of the row from that part into its currency, with the caution `minor_unit`. Any other
        word is unknown: of a row whose money is in it no money is published.
        """
        text = self.word(name)
        if text is None:
            return None
        unit = money_unit(text)
        self._found.unit = unit
        return unit.currency

    def multiplier(self, name: str, kind: InstrumentType) -> Decimal | None:
        """Money per 1.00 of price per contract, as the row says it.

        1 for a share or a coin where the row says nothing. Otherwise it is never guessed: absent, unreadable, zero or
        negative, it is unknown, with the caution `multiplier_unknown`.
        """
        if kind in _UNITS and self.is_absent(name):
            return Decimal(1)
        multiplier = self.number(name)
        if multiplier is None or multiplier <= 0:
            self.caution(Caution.MULTIPLIER_UNKNOWN)
            return None
        return multiplier

    def average_price(self, name: str) -> Decimal | None:
        """The optional price at which the position was opened: never negative, for a short one either.

        A missing one gets the caution `cost_unknown`; a negative one is unknown, with the caution `sign_unconfirmed`.
        """
        price = self.number(name)
        if price is None:
            self.caution(Caution.COST_UNKNOWN)
        elif price < 0:
            # Whether a broker writes a short position so, or paid to sell, is not said.
            self.caution(Caution.SIGN_UNCONFIRMED)
            return None
        return price

    def option_type(self, name: str) -> OptionType | None:
        """An optional call or put: `CALL`, `put`, `C`, `p`.

        Raises:
            RowRejected: `type_unknown`. Another word is there.
        """
        text = self.word(name)
        if text is None:
            return None
        found = _RIGHTS.get(text.casefold())
        if found is None:
            raise RowRejected(Rejection.TYPE_UNKNOWN)
        return found

    def quantity(self, name: str, *, signed: bool = True) -> Decimal:
        """The required quantity, as the broker writes it.

        Args:
            name: of the member.
            signed: whether a short position may have a negative one.

        Raises:
            RowRejected: `quantity_missing`, `quantity_unreadable`; `out_of_range` for a sign that may not be there.
        """
        quantity = self.required(name, number, _QUANTITY_MISSING, _QUANTITY_UNREADABLE)
        if quantity < 0 and not signed:
            raise RowRejected(_OUT_OF_RANGE)
        return quantity

    def side(self, name: str, words: Mapping[str, Side]) -> Side:
        """The required side, by the broker's words for it; upper and lower case are the same.

        Raises:
            RowRejected: `side_missing`, `side_unknown`.
        """
        return self.choice(name, words, _SIDE_MISSING, _SIDE_UNKNOWN)

    def instrument_type(
        self, name: str, words: Mapping[str, InstrumentType], *, may_be_new: bool = False
    ) -> InstrumentType:
        """The required type of instrument, by the broker's words for it; upper and lower case are the same.

        Args:
            name: of the member.
            words: the types by the broker's words.
            may_be_new: whether another word makes the position one of type `other`, with the caution `type_unknown`.

        Raises:
            RowRejected: `type_missing`, `type_unknown`.
        """
        missing, unknown = _TYPE_MISSING, _TYPE_UNKNOWN
        if not may_be_new:
            return self.choice(name, words, missing, unknown)
        kind = _meaning(self.required(name, word, missing, unknown), words)
        if kind is None:
            self.caution(Caution.TYPE_UNKNOWN)
        return kind or InstrumentType.OTHER

    def instrument(
        self,
        name: str,
        kind: InstrumentType | None = None,
        *,
        underlying: str | None = None,
        expires_on: date | None = None,
        strike: Decimal | None = None,
        option_type: OptionType | None = None,
        as_of: date | None = None,
    ) -> Instrument:
        """The instrument that the required symbol names, if what the row states beside it agrees.

        Args:
            name: of the member with the symbol.
            kind: the type that the row states.
            underlying: the underlying of an option that the row states; it is believed.
            expires_on: the expiration that the row states.
            strike: the strike that the row states.
            option_type: the call or put that the row states.
            as_of: the day of the row, which resolves the decade of a one-digit year (docs/symbology.md).

        Raises:
            RowRejected: `symbol_missing`, `symbol_unreadable`, `terms_contradict`.
        """
        symbol = self.required(name, word, _SYMBOL_MISSING, _SYMBOL_UNREADABLE)
        return agreed_instrument(
            symbol,
            kind,
            underlying=underlying,
            expires_on=expires_on,
            strike=strike,
            option_type=option_type,
            as_of=as_of,
        )

    def choice(
        self, name: str, words: Mapping[str, T], missing: Rejection, unknown: Rejection
    ) -> T:
        """What the required word stands for; upper and lower case are the same.

        Raises:
            RowRejected: `missing`, or `unknown` for a word that is not among `words`.
        """
        meaning = _meaning(self.required(name, word, missing, unknown), words)
        if meaning is None:
            raise RowRejected(unknown)
        return meaning

    def required(
        self, name: str, read: Callable[[Any], T | None], missing: Rejection, unreadable: Rejection
    ) -> T:
        """A member without which the row makes no sense.

        Args:
            name: of the member.
            read: `rows.number`, `rows.word`, `rows.moment`, `rows.day`, or a reader that raises as they do.
            missing: why the row is rejected where the member is absent.
            unreadable: why it is rejected where `read` raises.

        Raises:
            RowRejected: `missing` or `unreadable`.
        """
        try:
            found = read(self._source.get(name))
        except RowRejected:
            raise RowRejected(unreadable) from None
        if found is None:
            raise RowRejected(missing)
        return found

    def balances(
        self,
        currency: str,
        *,
        net_liquidating_value: str,
        cash: str,
        buying_power: str | None = None,
        maintenance_requirement: str | None = None,
        as_of: str | None = None,
    ) -> Balances | None:
        """The balances of an account, in `currency`, each under the member's name that is given for it.

        None, with the caution `balances_missing`, where net liquidating value or cash cannot be read.
        """
        worth, money = self.number(net_liquidating_value), self.number(cash)
        if worth is None or money is None:
            self.caution(Caution.BALANCES_MISSING)
            return None
        return Balances(
            currency=currency,
            net_liquidating_value=worth,
            cash=money,
            buying_power=self.number(buying_power) if buying_power else None,
            maintenance_requirement=self.number(maintenance_requirement)
            if maintenance_requirement
            else None,
            as_of=self.moment(as_of) if as_of else None,
        )

    def _optional(
        self, read: Callable[[Any], T | None], name: str, caution: Caution | None
    ) -> T | None:
        try:
            return read(self._source.get(name))
        except RowRejected:
            if caution is not None:
                self.caution(caution)
            return None


def _meaning(text: str, words: Mapping[str, T]) -> T | None:
    """What a word stands for; upper and lower case are the same."""
    if text in words:
        return words[text]
    folded = text.casefold()
    return next((meaning for known, meaning in words.items() if known.casefold() == folded), None)
