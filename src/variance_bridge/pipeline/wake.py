"""Hears from brokers that something changed, so that a watch syncs sooner. A thread for each profile.

A thread notes that there was news of a profile, and when. What a broker said is not kept, and is never part of a document:
positions come from the sync. Where a connection fails, the watch goes on by the clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from variance_bridge.broker import Account, Clock, Notice, Wake
from variance_bridge.errors import (
    BridgeError,
    BrokerUnreachable,
    DataRefused,
    PluginError,
    SyncRunning,
)
from variance_bridge.network.declared_hosts import Reach
from variance_bridge.network.limits_and_retries import Policy, wait_before
from variance_bridge.personal_values import Secret
from variance_bridge.pipeline.account_choice import select_account
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.run import BrokerRun, open_broker
from variance_bridge.pipeline.run_context import USER_AGENT, RunContext
from variance_bridge.pipeline.watch import Heard
from variance_bridge.plugins.guard import guarded
from variance_bridge.plugins.loading import import_place
from variance_bridge.trading_hours import is_in_session

if TYPE_CHECKING:
    from variance_bridge.network.wake_socket import WakeSocket

MAX_HEARTBEAT_SECONDS = 300.0
MAX_REFUSALS = 3
"""Log-ins in a row that are not accepted, each with a new token, before nothing more is tried."""

_NAP_SECONDS = 15.0


class WakePace(Struct, frozen=True, kw_only=True):
    """How a lost connection is made again.

    Attributes:
        back_off: the wait: from `back_off_seconds` to twice that, doubled with each failure, up to `longest_wait_seconds`.
        steady_seconds: a connection that lasted so long was no failure.
    """

    back_off: Policy = Policy(back_off_seconds=5.0, longest_wait_seconds=300.0)
    steady_seconds: float = 60.0


class Board:
    """Which profiles there is news of: written by the threads that listen, read by the watch."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._condition = threading.Condition()
        self._heard: dict[str | None, Heard] = {}

    def note(self, profile: str | None) -> None:
        """There is news of a profile."""
        now = self._clock.now()
        with self._condition:
            before = self._heard.get(profile)
            self._heard[profile] = Heard(before.first if before else now, now)
            self._condition.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until there is news; whether there is."""
        with self._condition:
            return self._condition.wait_for(lambda: bool(self._heard), seconds)

    def take(self) -> Mapping[str | None, Heard]:
        """What has been heard since the last call, by profile."""
        with self._condition:
            heard, self._heard = self._heard, {}
            return heard


class WakeRun(Struct, frozen=True, kw_only=True):
    """What the threads of a watch share.

    Attributes:
        context: of the syncs, so that both together keep to the brokers' published rates.
        board: where news is noted.
        random: numbers in [0, 1), for the jitter.
        all_accounts: whether a profile that names no account is about all of them.
        always: whether to listen outside market hours too.
        pace: how a lost connection is made again.
    """

    context: RunContext
    board: Board
    random: Callable[[], float]
    all_accounts: bool = False
    always: bool = False
    pace: WakePace = WakePace()

    def is_wanted_now(self) -> bool:
        """Whether news would make the watch sync: at night there is nothing to wake up for."""
        return self.always or is_in_session(self.context.clock.now())


class Wakes:
    """The threads that listen, for the profiles whose broker says when something changes: the watch's `News`."""

    def __init__(self, run: WakeRun) -> None:
        self._run = run
        self._threads: dict[str | None, _Thread | None] = {}

    @property
    def brokers(self) -> Sequence[str]:
        """The titles of the brokers that are listened to, each once."""
        threads = filter(None, self._threads.values())
        return list(dict.fromkeys(thread.title for thread in threads if thread.is_alive()))

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until there is news; whether there is (`watch.News`)."""
        if self.brokers:
            return self._run.board.wait(seconds)
        self._run.context.clock.sleep(seconds)
        return False

    def take(self) -> Mapping[str | None, Heard]:
        """What has been heard since the last call, by profile."""
        return self._run.board.take()

    def start(self, profiles: Iterable[str | None]) -> None:
        """Listen for those profiles whose broker says when something changes, and that are not listened for yet.

        What may ask the user a question or import a plugin is done here, in the thread that calls. A profile that cannot be
        opened is left to its sync, which says why.
        """
        for name in profiles:
            if name in self._threads or self._run.context.policy is None:
                continue
            self._threads[name] = None
            try:
                with _opened(self._run.context, name) as opened:
                    if opened.wake is None or _address(opened, opened.wake) is None:
                        continue
                    title = opened.run.spec.title
            except BridgeError:
                continue
            if not _has_library():
                self._run.context.warn(
                    "changes at brokers are not heard of: install `variance-bridge[watch]`, or use `--no-wake`"
                )
                continue
            self._threads[name] = _Thread(self._run, name, title)

    def stop(self, profiles: Iterable[str | None]) -> None:
        """End the connections of those profiles."""
        for name in profiles:
            if (thread := self._threads.get(name)) is not None:
                thread.stop()

    @contextmanager
    def until_done(self) -> Iterator[None]:
        """End all connections after the `with` block."""
        try:
            yield
        finally:
            self.stop(list(self._threads))


def _has_library() -> bool:
    from importlib.util import find_spec

    return find_spec("websockets") is not None


class _Opened(Struct, frozen=True):
    """A broker as a sync would open it, and what says that something changed; both share a log-in."""

    run: BrokerRun
    wake: Wake | None

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """The plugin's code runs inside."""
        with guarded(str(self.run.loaded.plugin), "failed while it was listened to"):
            yield


def _address(opened: _Opened, wake: Wake) -> str | None:
    with opened.guarded():
        address: object = wake.address
    return None if address is None else str(address)


@contextmanager
def _opened(context: RunContext, name: str | None) -> Iterator[_Opened]:
    """The broker of a profile. What it would warn of, its syncs have said already."""
    run = open_broker(structs.replace(context, warn=lambda _message: None), Choice(profile=name))
    try:
        wake = None
        if run.spec.wakes is not None:
            wake_class = import_place(run.loaded.plugin, run.spec.wakes)
            with guarded(str(run.loaded.plugin), "cannot be listened to"):
                wake = wake_class(run.broker_context)
        yield _Opened(run, wake)
    finally:
        close = getattr(run.broker_context.session, "close", None)
        if close is not None:
            close()


class _Thread:
    """Listens for one profile: connects, and connects again. A daemon, so that Ctrl-C ends the program at once."""

    def __init__(self, run: WakeRun, name: str | None, title: str) -> None:
        self._run = run
        self._name = name
        self.title = title
        self._stopped = threading.Event()
        self._connection: WakeSocket | None = None
        self._thread = threading.Thread(
            target=self._work, name=f"wake {name or title}", daemon=True
        )
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it listens, or will: not where it has given up."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the connection, and make no other."""
        self._stopped.set()
        if self._connection is not None:
            self._connection.close()

    def _work(self) -> None:
        failures = refusals = 0
        clock, pace = self._run.context.clock, self._run.pace
        while not self._stopped.is_set():
            if not self._run.is_wanted_now():
                self._stopped.wait(_NAP_SECONDS)
                continue
            began = clock.monotonic()
            problem = self._listened()
            if problem is None:  # the market has closed, or nobody wants to know any more
                continue
            refusals = refusals + 1 if problem.is_refusal else 0
            lasted = clock.monotonic() - began >= pace.steady_seconds
            failures = 1 if lasted else failures + 1
            is_final = problem.is_final or refusals == MAX_REFUSALS
            if is_final or failures == 2:  # one connection that breaks off is made again in silence
                self._say(problem.what, is_final=is_final)
            if is_final:
                return
            wait = wait_before(failures, None, pace.back_off, self._run.random, limited=True)
            self._stopped.wait(wait)

    def _say(self, what: str, *, is_final: bool) -> None:
        until = "" if is_final else " until they are"
        message = (
            f"changes at {self.title} are not heard of ({what}): it is synced by the clock{until}"
        )
        self._run.context.warn(message if self._name is None else f"{self._name}: {message}")

    def _listened(self) -> _Problem | None:
        """Listen over one connection; why it ended, or None where it was to end."""
        from variance_bridge.network.wake_socket import Ended, Lost

        try:
            self._listen()
        except Lost as lost:
            if self._stopped.is_set():
                return None
            return _Problem(lost.reason, is_refusal=lost.reason == Ended.REFUSED)
        except BridgeError as error:
            final = not isinstance(error, BrokerUnreachable | DataRefused | SyncRunning)
            return _Problem(error.what, is_final=final)
        except Exception as error:  # noqa: BLE001 - a bug costs the news alone, and its text may hold anything
            return _Problem(f"a bug: {type(error).__name__}", is_final=True)
        return None

    def _listen(self) -> None:
        """One connection, with a log-in of its own: a token that was refused is not used again.

        Raises:
            Lost: the connection.
            BridgeError: the broker cannot be asked for a token, or refuses it.
        """
        from variance_bridge.network.wake_socket import Conversation

        with _opened(self._run.context, self._name) as opened:
            wake = opened.wake
            if wake is None:
                raise _broken(opened, "no longer says when something changes")
            accounts = self._accounts(opened.run)
            self._connection = connection = self._socket(opened, wake)
            if self._stopped.is_set():
                return

            def text(make: Callable[[], object]) -> Secret | None:
                with opened.guarded():
                    made = make()
                if made is not None and not isinstance(made, Secret):
                    raise _broken(opened, "would send something that is not a `Secret`")
                return made

            def read(message: bytes) -> Notice:
                with opened.guarded():
                    return wake.read(message)

            connection.listen(
                Conversation(
                    hello=lambda: text(lambda: wake.hello(accounts)),
                    heartbeat=lambda: text(wake.heartbeat),
                    seconds=self._seconds(opened, wake),
                    read=read,
                    changed=lambda: self._run.board.note(self._name),
                    goes_on=self._run.is_wanted_now,
                )
            )

    def _accounts(self, run: BrokerRun) -> Sequence[Account]:
        """The accounts that the profile syncs."""
        accounts = run.accounts()
        if self._run.all_accounts and run.profile.account is None:
            return accounts
        return (select_account(run, accounts, None),)

    def _socket(self, opened: _Opened, wake: Wake) -> WakeSocket:
        from variance_bridge.network.allowed_requests import check_hosts, resolve_socket
        from variance_bridge.network.proxy import learned_proxy
        from variance_bridge.network.wake_socket import WakeSocket

        context, spec = self._run.context, opened.run.spec
        address = resolve_socket(_address(opened, wake) or "", check_hosts(spec.hosts))
        policy = context.policy or Policy()
        return WakeSocket(
            address,
            policy,
            None
            if address.loopback
            else learned_proxy(policy.access, address.host, context.personal),
            user_agent=Reach.of(spec).named(USER_AGENT),
            clock=context.clock,
        )

    def _seconds(self, opened: _Opened, wake: Wake) -> float:
        with opened.guarded():
            seconds = float(wake.heartbeat_seconds)
        if not 0 < seconds <= MAX_HEARTBEAT_SECONDS:
            raise _broken(opened, "has no heartbeat within five minutes")
        return seconds


class _Problem(Struct, frozen=True):
    """Why a connection ended, or there was none.

    Attributes:
        what: in words that may be shown.
        is_refusal: the broker did not accept the log-in.
        is_final: trying again changes nothing.
    """

    what: str
    is_refusal: bool = False
    is_final: bool = False


def _broken(opened: _Opened, what: str) -> PluginError:
    return PluginError(
        f"{opened.run.loaded.plugin} {what}", hint="report it to the plugin's authors"
    )
