"""What the recordings hold: a proof is worth as much as what it is made from."""

from __future__ import annotations

import re

from variance_bridge.broker import Capability
from variance_bridge.model import Side
from variance_bridge.symbology import InstrumentType
from variance_bridge.testing.case_decorator import Complaints, case
from variance_bridge.testing.conformance.conformance_case import ConformanceCase
from variance_bridge.testing.recordings import Recording

_MAIL = re.compile(r"[\w.+-]+@([\w-]+\.)+[A-Za-z]{2,}")
_INVENTED_MAIL = re.compile(r"@(?:[\w-]+\.)*(?:example(?:\.(?:com|net|org))?|invalid|test)$")
_TOKENS = {
    "a JSON Web Token": re.compile(r"eyJ[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{12,}"),
    "a bearer token": re.compile(r"[Bb]earer [A-Za-z0-9._~+/-]{20,}"),
    "a US social security number": re.compile(r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"),
}
_BELONGS_TO_NO_TYPE = frozenset({InstrumentType.OTHER, InstrumentType.CASH})


class Recorded(ConformanceCase):
    """REC: there are recordings, of all that the broker can tell, and nothing real in them."""

    @case("REC-01")
    def test_there_are_recordings_of_this_broker(self) -> Complaints:
        """The recordings are this broker's, and not those of the template.

        Record a real sync with `variance_bridge.testing.record`, which invents the account data, or write the answers
        down from the broker's documentation; then take `"template": true` out.
        """
        for recording in self.recordings():
            if recording.is_template:
                yield f"{recording.name} is the example that came with `variance plugin new`"

    @case("REC-02")
    def test_a_long_position_is_recorded(self) -> Complaints:
        """A long position is among the recordings."""
        yield from self._side_is_there(Side.LONG)

    @case("REC-03")
    def test_a_short_position_is_recorded(self) -> Complaints:
        """A short position is among the recordings: a sign that is never negative proves nothing."""
        yield from self._side_is_there(Side.SHORT)

    def _side_is_there(self, side: Side) -> Complaints:
        if not any(holding.side is side for _act, holding in self.holdings()):
            yield f"no recording holds a {side} position"

    @case("REC-04")
    def test_a_closed_position_is_recorded(self) -> Complaints:
        """A closed position, of quantity 0, is among the recordings, and counted as closed.

        Brokers list what was closed today. Where yours does not, write such a row: it may begin to.
        """
        counts = [account_run.portfolio.meta.counts for account_run in self.account_runs()]
        if not any(one is not None and one.closed for one in counts):
            yield "no recording holds a row of quantity 0"

    @case("REC-05")
    def test_each_declared_type_is_recorded(self) -> Complaints:
        """Each type of instrument that the plugin declares is among the recordings."""
        held = {holding.type for _act, holding in self.holdings()}
        for kind in sorted(self.subject().types - held):
            yield f"`{kind}` is declared, and no recording holds one"

    @case("REC-06")
    def test_each_recorded_type_is_declared(self) -> Complaints:
        """Each type of instrument in the recordings is declared, so that users know what to expect."""
        held = {holding.type for _act, holding in self.holdings()} - _BELONGS_TO_NO_TYPE
        for kind in sorted(held - self.subject().types):
            yield f"a recording holds a `{kind}`, which the plugin does not declare"

    @case("REC-07")
    def test_balances_are_recorded_where_they_are_declared(self) -> Complaints:
        """Balances are there if and only if the plugin declares them."""
        declared = Capability.BALANCES in self.subject().spec.capabilities
        found = any(
            account_run.portfolio.balances is not None for account_run in self.account_runs()
        )
        if declared and not found:
            yield "`balances` is declared, and no recording gives any"
        if found and not declared:
            yield "the recordings give balances, and `balances` is not declared"

    @case("REC-08")
    def test_several_accounts_are_recorded_where_they_are_declared(self) -> Complaints:
        """A recording with two accounts is there if the plugin declares that it can tell several."""
        declared = Capability.MANY_ACCOUNTS in self.subject().spec.capabilities
        most = max((len(one.accounts) for one in self.recorded_runs()), default=0)
        if declared and most < 2:
            yield "`many_accounts` is declared, and no recording has two accounts"

    @case("REC-09")
    def test_an_account_with_nothing_is_recorded(self) -> Complaints:
        """An account that holds nothing is among the recordings: what empty looks like is known, not guessed."""
        if all(account_run.portfolio.positions for account_run in self.account_runs()):
            yield "every recorded account holds something"

    @case("REC-10")
    def test_nothing_in_a_recording_is_anybodys(self) -> Complaints:
        """No recording holds an e-mail address, a token or a number that could be somebody's.

        Addresses end in .example; tokens and account numbers are invented. The recorder does this for you.
        """
        for recording in self.recordings():
            for what in sorted(_suspicious(recording)):
                yield f"{recording.name} holds {what}"

    @case("REC-11")
    def test_every_recorded_answer_is_asked_for(self) -> Complaints:
        """Every answer of a recording is asked for in its replay, so that none of them is a leftover."""
        for run in self.recorded_runs():
            asked = {str(sent) for sent in run.session.wire.sent}
            for exchange in run.recording.exchanges:
                request = f"{exchange.method} {exchange.url.partition('?')[0]}"
                if request not in asked:
                    yield f"{run.recording.name}: nothing asks for {request}"


def _suspicious(recording: Recording) -> set[str]:
    texts = [one.body for one in recording.exchanges] + [recording.file or b""]
    found = set()
    for text in (body.decode("utf-8", "replace") for body in texts):
        if any(not _INVENTED_MAIL.search(one.group()) for one in _MAIL.finditer(text)):
            found.add("an e-mail address that does not end in .example")
        found |= {what for what, pattern in _TOKENS.items() if pattern.search(text)}
    return found
