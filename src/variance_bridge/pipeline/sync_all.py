"""All profiles in one run: brokers side by side, the profiles of one broker one after the other, within its published rates.

Whatever may ask the user a question or import a plugin is done first, in the thread that called; the threads only fetch,
judge and publish. A profile that fails costs no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from msgspec import Struct, structs

from variance_bridge.errors import BridgeError, ConfigurationError
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.output_file import broker_of
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.pipeline.sync import Ready, carry_out, prepare, tell_listeners
from variance_bridge.pipeline.sync_account import quote_source_of
from variance_bridge.pipeline.sync_records import Failed, Progress, Result, SyncRequest
from variance_bridge.plugins.guard import prints_on_stderr


class ProfileOutcome(Struct, frozen=True, kw_only=True):
    """What became of one profile.

    Attributes:
        profile: its name; None for the configured broker, where there are no profiles.
        broker: its broker's name; None where that is not known.
        results: a record for each account; one `Failed` without an account where it failed as a whole.
    """

    profile: str | None
    broker: str | None
    results: tuple[Result, ...]

    @property
    def exit_code(self) -> int:
        """0, or the highest of its failures."""
        codes = (one.error.exit_code for one in self.results if isinstance(one, Failed))
        return max(codes, default=0)


Outcomes = dict[str | None, tuple[Result, ...]]


def sync_all(
    context: RunContext,
    request: SyncRequest,
    progress: Callable[[str], Progress] = lambda _profile: Progress(),
    only: Collection[str | None] | None = None,
) -> list[ProfileOutcome]:
    """Sync every profile, or the configured broker where there is no profile.

    Args:
        context: shared by all.
        request: what is the same for all profiles; its choice names nothing.
        progress: told of each profile, by its name.
        only: the profiles to sync; all of them by default.

    Returns:
        A record for each profile, in the order of the configuration.

    Raises:
        ConfigurationError: there is neither a profile nor a configured broker.
    """
    names = [name for name in profiles_to_sync(context) if only is None or name in only]
    outcomes: Outcomes = {}
    ready: dict[str | None, Ready] = {}
    for name in names:
        try:
            ready[name] = _prepared(context, request, name)
        except BridgeError as error:
            outcomes[name] = (Failed(account="", error=error),)
    for name, collision in _collisions(ready).items():
        del ready[name]
        outcomes[name] = (Failed(account="", error=collision),)
    again = partial(_prepared, context, request)
    _side_by_side(ready, again, outcomes, progress)
    return [
        ProfileOutcome(profile=name, broker=_broker(context, name), results=outcomes[name])
        for name in names
    ]


def profiles_to_sync(context: RunContext) -> Sequence[str | None]:
    """The names of the profiles; None alone where there is a configured broker and no profile.

    Raises:
        ConfigurationError: there is neither.
    """
    configuration = context.configuration
    if configuration.stated.profiles:
        return list(configuration.stated.profiles)
    if configuration.top("broker").value is None:
        raise ConfigurationError(
            "there is no profile to sync",
            where=str(configuration.file) if configuration.file else None,
            hint="write a table [profiles.NAME] into variance.toml for each account; docs/configuration.md shows one",
        )
    return [None]


def _broker(context: RunContext, name: str | None) -> str | None:
    return broker_of(context.configuration, context.configuration.profile(name))


def _prepared(context: RunContext, request: SyncRequest, name: str | None) -> Ready:
    """The sync of one profile; what it warns of begins with the profile's name."""
    own = structs.replace(context, warn=lambda message: context.warn(f"{name}: {message}"))
    profile = context.configuration.profile(name)
    ready = prepare(
        own if name is not None else context,
        structs.replace(
            request,
            choice=Choice(profile=name),
            all_accounts=request.all_accounts and profile.account is None,
        ),
    )
    if (source := quote_source_of(ready.run, ready.request)) is not None:
        loaded, _spec = context.registry.quote_source(source)
        if loaded.plugin.distribution != ready.run.loaded.plugin.distribution:
            context.trust(loaded)
    return ready


def _collisions(ready: Mapping[str | None, Ready]) -> dict[str | None, BridgeError]:
    """The profiles that would write one file, each with the error that says so."""
    by_target: dict[str, list[str | None]] = {}
    for name, each in ready.items():
        by_target.setdefault(str(each.target.absolute()).casefold(), []).append(name)
    return {
        name: ConfigurationError(
            f"the profiles {' and '.join(f'`{each}`' for each in sharing)} would write one file",
            where=str(ready[name].target),
            hint="give each of them an `output` of its own in variance.toml",
        )
        for sharing in by_target.values()
        if len(sharing) > 1
        for name in sharing
    }


def _side_by_side(
    ready: Mapping[str | None, Ready],
    prepare_again: Callable[[str | None], Ready],
    outcomes: Outcomes,
    progress: Callable[[str], Progress],
) -> None:
    """Run the profiles, a thread for each broker. Daemons, so that Ctrl-C ends the program at once."""
    listening = threading.Lock()
    by_broker: dict[str, list[str | None]] = {}
    for name, each in ready.items():
        by_broker.setdefault(each.run.spec.name, []).append(name)

    def work(names: Iterable[str | None]) -> None:
        for place, name in enumerate(names):
            # The profile before it may have got a new refresh token, and the one that was read first is spent.
            opened = partial(prepare_again, name) if place else partial(ready.__getitem__, name)
            outcomes[name] = _one(opened, progress(name or ""), listening)

    threads = [
        threading.Thread(target=work, args=(names,), name=f"sync {broker}", daemon=True)
        for broker, names in by_broker.items()
    ]
    with prints_on_stderr():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _one(
    opened: Callable[[], Ready], progress: Progress, listening: threading.Lock
) -> tuple[Result, ...]:
    try:
        ready = opened()
        try:
            results = carry_out(ready, progress)
            with listening:
                tell_listeners(ready, results)
        finally:
            ready.close()
    except BridgeError as error:
        return (Failed(account="", error=error),)
    except Exception as error:  # noqa: BLE001 - a bug costs its own profile, and its text may hold anything
        what = f"this is a bug in variance-bridge ({type(error).__name__}); please report it"
        return (Failed(account="", error=BridgeError(what)),)
    return tuple(results)
