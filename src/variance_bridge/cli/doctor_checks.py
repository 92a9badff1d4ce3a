"""What would stop a sync: checks that change nothing, the offline ones first. Safe to paste into a public issue.

A check tells names, places and states, never a value: no secret, no account number, and the home folder as `~`.
"""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct, structs

from variance_bridge import __version__
from variance_bridge.broker import Capability
from variance_bridge.cli.default_book import live_files
from variance_bridge.document.exact_json import MAX_BYTES
from variance_bridge.document.outline import outline
from variance_bridge.errors import BridgeError, DataRefused, PositionsTooOld
from variance_bridge.formatting import age_words, path_text, plural
from variance_bridge.model import Status, Timeliness
from variance_bridge.pipeline.account_choice import select_account
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.listeners import open_listener
from variance_bridge.pipeline.run import open_broker
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.plugins.loading import LoadedPlugin, import_place
from variance_bridge.plugins.registry import BROKERS, names
from variance_bridge.reading.freshness import configured_limits
from variance_bridge.reading.load import Snapshot, load
from variance_bridge.settings.account_hash import FILE_NAME as KEY_FILE
from variance_bridge.settings.configuration import FILE_NAME as CONFIGURATION_FILE
from variance_bridge.settings.configuration import Configuration, broker_settings
from variance_bridge.settings.credential_expiry import expiry_words, is_near, renewal
from variance_bridge.settings.credentials import CredentialStore
from variance_bridge.settings.keyring import Protection
from variance_bridge.storage.filesystem import reason
from variance_bridge.storage.private_files import inspect_private
from variance_bridge.storage.read import read_bounded


class Finding(Struct, frozen=True):
    """One check's outcome.

    Attributes:
        subject: what was looked at.
        problem: whether it would stop a sync.
        detail: what was found.
        fix: what to do about it; None where there is nothing to do.
    """

    subject: str
    problem: bool
    detail: str
    fix: str | None = None


class DoctorInput(Struct, frozen=True, kw_only=True):
    """What is examined."""

    context: RunContext
    credentials: CredentialStore
    choice: Choice
    environment: Mapping[str, str]
    output_folder: Path

    @property
    def configuration(self) -> Configuration:
        """The configuration of the run."""
        return self.context.configuration

    @property
    def profile(self) -> str | None:
        """The profile that a sync would use."""
        name = self.configuration.top("profile", self.choice.profile).value
        return str(name) if name else None

    @property
    def broker(self) -> str | None:
        """The broker that a sync would use."""
        profile = self.configuration.profile(self.profile)
        name = self.choice.broker or profile.broker or self.configuration.top("broker").value
        return str(name) if name else None


def examine(given: DoctorInput, *, online: bool) -> Iterator[Finding]:
    """All findings; those that need the network come last, and only when nothing offline stands in the way."""
    well = True
    for check in _OFFLINE:
        for finding in _safely(check, given):
            well = well and not finding.problem
            yield finding
    if online and well:
        yield from _safely(_answers, given)


def _safely(
    check: Callable[[DoctorInput], Iterator[Finding]], given: DoctorInput
) -> Iterator[Finding]:
    try:
        yield from check(given)
    except BridgeError as error:
        yield finding_of(check.__name__.strip("_").replace("_", " "), error, given.environment)
    except OSError as error:
        detail = f"the operating system reports: {reason(error)}"
        yield Finding(check.__name__.strip("_").replace("_", " "), problem=True, detail=detail)


def finding_of(subject: str, error: BridgeError, environment: Mapping[str, str]) -> Finding:
    """What stopped a check, as a finding."""
    fix = _without_home(error.hint, environment) if error.hint else None
    return Finding(subject, problem=True, detail=_without_home(str(error), environment), fix=fix)


def _tilde(text: str, given: DoctorInput) -> str:
    return _without_home(text, given.environment)


def _without_home(text: str, environment: Mapping[str, str]) -> str:
    """The home folder as `~`: its name is often that of its owner. A shell expands `~` before a quote, not behind it."""
    home = environment.get("HOME", "").rstrip("/")
    if not home:
        return text
    return text.replace(f"'{home}/", "~/'").replace(home, "~")


def _program(_patient: DoctorInput) -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    detail = f"variance-bridge {__version__}, Python {python}, {platform.system()}"
    yield Finding("program", problem=False, detail=detail)


def _configuration(given: DoctorInput) -> Iterator[Finding]:
    configuration = given.configuration
    file = configuration.file
    detail = (
        _tilde(str(file), given)
        if file
        else f"no {_tilde(str(configuration.folder / CONFIGURATION_FILE), given)}; defaults are used"
    )
    yield Finding("configuration", problem=False, detail=detail)
    settings = {
        "broker": configuration.top("broker"),
        "output_dir": configuration.positions_folder(),
        "quotes": configuration.top("quotes"),
    }
    for key, sourced in settings.items():
        yield Finding(f"  {key}", problem=False, detail=f"from {sourced.origin}")


def _output_folder(given: DoctorInput) -> Iterator[Finding]:
    folder = given.output_folder
    shown = _tilde(str(folder), given)
    if not folder.exists():
        parent = next(
            one for one in (folder.absolute(), *folder.absolute().parents) if one.exists()
        )
        if os.access(parent, os.W_OK | os.X_OK):
            yield Finding("output folder", problem=False, detail=f"{shown} will be made")
        else:
            yield Finding(
                "output folder",
                problem=True,
                detail=f"{shown} cannot be made",
                fix="set output_dir to a folder you own",
            )
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            "output folder",
            problem=True,
            detail=f"{shown} is not writable",
            fix=f"chmod u+wx {shown}",
        )
        return
    open_to_others = stat.S_IMODE(folder.stat().st_mode) & 0o077
    fix = f"chmod 700 {shown}" if open_to_others else None
    state = "other users can look into it" if open_to_others else "writable, private"
    yield Finding("output folder", problem=False, detail=f"{shown}: {state}", fix=fix)


def _positions(given: DoctorInput) -> Iterator[Finding]:
    """One line where all files are well; each that is not has its own."""
    files = live_files(given.configuration)
    if not files:
        yield Finding("positions", problem=False, detail="none yet")
        return
    sound: list[Snapshot] = []
    for file in files:
        try:
            snapshot = load(file, given.context.clock.now(), any_age=True)
        except (DataRefused, PositionsTooOld) as error:
            detail = f"{error.what}{_which(file, files)}"
            yield Finding(
                "positions", problem=False, detail=detail, fix="the next sync replaces it"
            )
            continue
        if doubts := list(_doubts(snapshot, given)):
            detail = "; ".join([f"valid, {_age(snapshot)}", *doubts])
            fix = "sync again; an export: download it again"
            yield Finding(
                "positions", problem=False, detail=f"{detail}{_which(file, files)}", fix=fix
            )
        else:
            sound.append(snapshot)
    if sound:
        oldest = _age(max(sound, key=lambda each: each.age))
        several = f"{len(sound)} files, the oldest " if len(files) > 1 else ""
        yield Finding("positions", problem=False, detail=f"valid, {several}{oldest}")


def _which(file: Path, files: Sequence[Path]) -> str:
    """The file's own name, where there are others."""
    return f" ({path_text(Path(file.name))})" if len(files) > 1 else ""


def _age(snapshot: Snapshot) -> str:
    end_of_day = snapshot.portfolio.meta.timeliness is Timeliness.END_OF_DAY
    return age_words(snapshot.age, end_of_day=end_of_day)


def _doubts(snapshot: Snapshot, given: DoctorInput) -> Iterator[str]:
    """Why a valid file is not what it should be, which stops no sync."""
    meta = snapshot.portfolio.meta
    if meta.status is Status.PARTIAL:
        yield f"partial: {plural(len(meta.rejected), 'row')} could not be read"
    if missing := meta.missing_rows:
        yield f"rows may be missing: {', and '.join(missing.values())}"
    if not configured_limits(given.configuration).is_readable(snapshot.age):
        yield "too old: show and triage refuse it without --any-age"


def _account_labels(given: DoctorInput) -> Iterator[Finding]:
    """Whether each label of `[accounts]` names an account; never the label itself."""
    labels = given.configuration.account_labels
    if not labels.stated:
        return
    hashes = set(_accounts_with_files(given.configuration))
    doubts = list(labels.doubts(hashes))
    for detail, fix in doubts:
        yield Finding("accounts", problem=False, detail=f"[accounts] {detail}", fix=fix)
    if not doubts:
        detail = f"{len(labels.among(hashes))} of {plural(len(hashes), 'account')} with a label"
        yield Finding("accounts", problem=False, detail=detail)


def _accounts_with_files(configuration: Configuration) -> Iterator[str]:
    for file in live_files(configuration):
        with suppress(BridgeError):
            yield outline(read_bounded(file, MAX_BYTES)).meta.account_hash or ""


def _installation_key(given: DoctorInput) -> Iterator[Finding]:
    path = given.configuration.folder / KEY_FILE
    try:
        _content, trouble = inspect_private(path, "the installation key")
    except FileNotFoundError:
        yield Finding("installation key", problem=False, detail="will be made by the first sync")
        return
    if trouble is not None:
        raise trouble
    yield Finding("installation key", problem=False, detail="there, private")


def _keyring(given: DoctorInput) -> Iterator[Finding]:
    protection = given.credentials.keyring_protection
    fix = None
    if protection not in {Protection.SECURE, Protection.UNKNOWN}:
        fix = "keep credentials in a .env file with mode 600, or in the environment"
    yield Finding("keyring", problem=False, detail=protection.value, fix=fix)


def _plugins(given: DoctorInput) -> Iterator[Finding]:
    wanted = given.broker
    installed = names(BROKERS)
    if not installed:
        yield Finding(
            "plugins",
            problem=True,
            detail="no broker is installed",
            fix="install one, such as variance-bridge-csv",
        )
    formats = []
    for listing in given.context.registry.brokers():
        sick = listing.reason is not None
        detail = f"{', '.join(listing.distributions)}: {listing.reason or 'OK'}"
        yield Finding(
            f"plugin {listing.name}", problem=sick and listing.name == wanted, detail=detail
        )
        loaded = listing.loaded
        if loaded and Capability.READS_FILES in loaded.broker.capabilities:
            folder = path_text(given.configuration.folder / listing.name)
            formats.append(_tilde(f"{listing.name}: your own formats go into {folder}", given))
    for detail in formats:
        yield Finding("files", problem=False, detail=detail)


def _listeners(given: DoctorInput) -> Iterator[Finding]:
    wanted = given.configuration.listeners
    for name in wanted:
        try:
            listener = open_listener(given.context, name, trust=False)
        except BridgeError as error:
            yield finding_of(f"listener {name}", error, given.environment)
        else:
            yield Finding(f"listener {name}", problem=False, detail=f"{listener.plugin}: OK")
    for listing in given.context.registry.listeners(()):
        if listing.name not in wanted:
            detail = f"{', '.join(listing.distributions)}: {listing.state.value}"
            yield Finding(f"listener {listing.name}", problem=False, detail=detail)


def _broker(given: DoctorInput) -> Iterator[Finding]:
    if given.broker is None:
        yield Finding(
            "broker",
            problem=True,
            detail="none is chosen",
            fix="`variance init` chooses one; or name an export: `variance sync FILE`",
        )
        return
    loaded = given.context.registry.load(given.broker)
    yield Finding("broker", problem=False, detail=f"{loaded.broker.name} ({loaded.broker.title})")
    yield from _settings(given, loaded)
    yield from _credentials(given, loaded)


def _exports(given: DoctorInput) -> Iterator[Finding]:
    """The folder of exports that a sync reads, and what in it would stop one."""
    if given.broker is None:
        return
    if Capability.READS_FILES not in given.context.registry.load(given.broker).broker.capabilities:
        return
    quiet = structs.replace(given.context, warn=lambda _message: None)
    run = open_broker(quiet, given.choice)
    if run.folder is None:
        return
    from variance_bridge.pipeline.export_folder import refusal_of
    from variance_bridge.pipeline.sync import is_of_all, refuse_single_output
    from variance_bridge.pipeline.sync_records import SyncRequest

    accounts, request = run.accounts(), SyncRequest(choice=given.choice)
    detail = f"{_tilde(path_text(run.folder.path), given)}: {plural(len(accounts), 'account')}"
    if is_of_all(run, accounts, request):
        refuse_single_output(run, accounts, request)
    elif len(accounts) > 1:
        select_account(run, accounts, None)
        detail += ", of which one is chosen"
    yield Finding("exports", problem=False, detail=detail)
    for unread in run.folder.unread:
        if unread.may_be_newest:
            yield finding_of("export", refusal_of(unread), given.environment)


def _settings(given: DoctorInput, loaded: LoadedPlugin) -> Iterator[Finding]:
    configuration, spec = given.configuration, loaded.broker
    settings = broker_settings(
        import_place(loaded.plugin, spec.settings) if spec.settings else None,
        configuration=configuration,
        broker=spec.name,
        profile=configuration.profile(given.profile),
        overrides=given.choice.overrides,
    )
    for name, origin in settings.origins.items():
        yield Finding(f"  {name}", problem=False, detail=f"from {origin}")
    if configuration.broker_table(spec.name).default_account_id is not None:
        yield Finding("  default_account_id", problem=False, detail="from file")


def _credentials(given: DoctorInput, loaded: LoadedPlugin) -> Iterator[Finding]:
    spec, now = loaded.broker, given.context.clock.now()
    login = given.configuration.login(spec.name, given.profile)
    states = given.credentials.states(login, spec.credentials)
    for credential, state in zip(spec.credentials, states, strict=True):
        absent = state.origin is None
        detail = state.problem or (state.origin and f"from {state.origin}") or "not set"
        command = "login" if spec.login else "set"
        fix = f"variance auth {command} {login.flags}" if absent and state.required else None
        if state.expires_at is not None:
            detail += f", {expiry_words(state.expires_at, now)}"
            is_soon = is_near(state.expires_at, now, credential)
            fix = renewal(state.login or login) if is_soon else None
        has_expired = state.expires_at is not None and state.expires_at <= now
        yield Finding(
            f"  {state.name}",
            problem=state.required and (absent or has_expired),
            detail=_tilde(detail, given),
            fix=fix,
        )


def _network(given: DoctorInput) -> Iterator[Finding]:
    from variance_bridge.pipeline.run_context import configured_policy

    access = configured_policy(given.configuration).access
    detours = (
        ("proxy", access.proxy),
        ("netrc", access.netrc),
        ("own certificates", access.ca_file),
        ("the system's certificates", access.system_certificates),
    )
    used = [word for word, there in detours if there]
    yield Finding(
        "network", problem=False, detail=f"with {' and '.join(used)}" if used else "direct"
    )
    for name in access.ignored:
        key = "netrc" if "netrc" in name else "proxy"
        yield Finding(
            f"  {name}",
            problem=False,
            detail="there, and not used",
            fix=f"to use it: [network] {key} = true",
        )


def _answers(given: DoctorInput) -> Iterator[Finding]:
    loaded = given.context.registry.load(str(given.broker))
    if Capability.READS_FILES in loaded.broker.capabilities:
        yield Finding(
            "answer", problem=False, detail="reads files (`variance sync FILE`); needs no network"
        )
        return
    # The credentials' end was among the offline findings: not a second time, as a warning.
    quiet = structs.replace(given.context, credential_expiry=lambda _login, _credential: None)
    accounts = open_broker(quiet, given.choice).accounts()
    yield Finding("answer", problem=not accounts, detail=plural(len(accounts), "open account"))


_OFFLINE = (
    _program,
    _configuration,
    _output_folder,
    _positions,
    _account_labels,
    _installation_key,
    _keyring,
    _plugins,
    _listeners,
    _broker,
    _exports,
    _network,
)
