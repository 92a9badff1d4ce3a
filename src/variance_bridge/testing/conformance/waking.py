"""What `BrokerSpec.wakes` names: where it connects to, what it sends, and that no message disturbs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from variance_bridge.broker import Account, Notice, Wake
from variance_bridge.errors import BridgeError
from variance_bridge.network.allowed_requests import check_hosts, resolve_socket
from variance_bridge.personal_values import Secret
from variance_bridge.pipeline.wake import MAX_HEARTBEAT_SECONDS
from variance_bridge.plugins.loading import import_place
from variance_bridge.testing.case_decorator import Complaints, NotApplicableError, case
from variance_bridge.testing.conformance.conformance_case import ConformanceCase
from variance_bridge.testing.recorded_run import describe_exception

MAX_TEXT: Final = 64 * 1024

_NONSENSE: Final = (
    b"", b"\x00", b"\xff\xfe", b"null", b"7", b"[]", b"{}", b"[[[]]]", b'"text"', b"NaN", b"1e999",
    b'{"type": null, "data": 7}', b'{"type": [], "data": [], "status": {}}', b'[null, 7, "x", {}]',
    b"[" * 100_000, b"9" * 10_000, b"<html></html>",
)  # fmt: skip


class Waking(ConformanceCase):
    """WAKE."""

    def _wakes(self) -> Iterator[tuple[str, Any, Sequence[Account]]]:
        """For each recording, what `wakes` names, as a watch would make it after the broker has listed its accounts."""
        subject = self.subject()
        place = subject.spec.wakes
        if place is None:
            raise NotApplicableError("the plugin declares no `wakes`")
        wake_class = import_place(subject.loaded.plugin, place)
        for run in self.recorded_runs():
            yield run.recording.name, wake_class(run.context), run.accounts

    @case("WAKE-01")
    def test_it_connects_to_a_declared_host(self) -> Complaints:
        """The class that `wakes` names is made from a context alone, and connects over wss to a declared host.

        `address` is None where these settings have no such connection; `heartbeat_seconds` is from 1 to 300.
        """
        hosts = check_hosts(self.subject().reach.hosts)
        for name, wake, _accounts in self._wakes():
            if not isinstance(wake, Wake):
                yield "it does not satisfy the protocol variance_bridge.broker.Wake"
                continue
            if wake.address is not None:
                try:
                    resolve_socket(wake.address, hosts)
                except BridgeError as error:
                    yield f"{name}: {error.what}"
            if not 1 <= wake.heartbeat_seconds <= MAX_HEARTBEAT_SECONDS:
                yield f"{name}: a heartbeat every {wake.heartbeat_seconds} seconds"

    @case("WAKE-02")
    def test_what_it_sends_is_secret(self) -> Complaints:
        """What is sent holds a log-in and account numbers, so each text is a `Secret`, of at most 64 KiB.

        A heartbeat may also be None: then the protocol's own ping is sent.
        """
        for name, wake, accounts in self._wakes():
            if wake.address is None:
                continue
            for what, text in (("hello", wake.hello(accounts)), ("heartbeat", wake.heartbeat())):
                if text is None and what == "heartbeat":
                    continue
                if not isinstance(text, Secret):
                    yield f"{name}: {what} gives something that is not a Secret"
                elif len(text.reveal().encode()) > MAX_TEXT:
                    yield f"{name}: {what} gives more than {MAX_TEXT} bytes"

    @case("WAKE-03")
    def test_nonsense_is_neither_an_error_nor_news(self) -> Complaints:
        """Whatever a message is, `read` says what it means; what is not understood means `Notice.OTHER`."""
        for name, wake, _accounts in self._wakes():
            for message in _NONSENSE:
                shown = message[:24]
                try:
                    notice = wake.read(message)
                except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                    told = describe_exception(error, self.subject().package)
                    yield f"{name}: {shown!r} ends with {told}"
                    continue
                if notice is not Notice.OTHER:
                    yield f"{name}: {shown!r} means {notice!r}"
