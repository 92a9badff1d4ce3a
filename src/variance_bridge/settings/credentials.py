"""Where credentials come from and where they are kept: environment, then `.env`, then the system's keyring.

The first place that has a value wins; the keyring is reached only for what the others do not have, so that a keyring
that hangs or fails costs nothing to those who do not use it. A profile's own credential comes before the one of all
profiles, wherever each of them is. A broker is given what it declared and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from variance_bridge.errors import ConfigurationError, SyncRunning
from variance_bridge.personal_values import MAX_SECRET_LENGTH, PersonalKind, PersonalValues, Secret
from variance_bridge.settings.credential_owner import Login

if TYPE_CHECKING:
    from variance_bridge.broker import Credential
    from variance_bridge.settings.credential_records import KeptCredential
    from variance_bridge.settings.env_file import EnvFile
    from variance_bridge.settings.keyring import Keyring, Protection


ENV_FILE: Final = ".env"

_MAX_EXCHANGE: Final = 90.0
"""Seconds that another process is waited for: longer than all tries of a token request may take."""


class Place(StrEnum):
    """Where a credential was found, in the order of the search."""

    ENVIRONMENT = "environment"
    ENV_FILE = ".env"
    KEYRING = "keyring"


class Found(Struct, frozen=True, kw_only=True):
    """A credential and where it came from.

    Attributes:
        secret: the value.
        place: which of the three.
        origin: for people: the environment variable, the file's path, or the keyring's backend.
        login: whose it is: the profile's own, or that of all profiles.
        path: of the `.env` file.
        replaced: what the place holds, where `secret` is what replaced it (`settings.credential_records`).
        expires_at: when it stops working, where that is known.
    """

    secret: Secret
    place: Place
    origin: str
    login: Login
    path: Path | None = None
    replaced: Secret | None = None
    expires_at: datetime | None = None

    @property
    def original(self) -> Secret:
        """What the place holds."""
        return self.secret if self.replaced is None else self.replaced


class CredentialState(Struct, frozen=True, kw_only=True):
    """What `auth status` and `doctor` tell of one declared credential; never its value.

    Attributes:
        name: the credential's name.
        required: whether the broker needs it.
        origin: where it was found; None when it was not.
        problem: why a place could not be searched; None when all could.
        expires_at: when it stops working, where that is known.
        login: whose it is; None when it was not found.
    """

    name: str
    required: bool
    origin: str | None
    problem: str | None = None
    expires_at: datetime | None = None
    login: Login | None = None


class CredentialStore:
    """The three places, for one run.

    Args:
        environment: the process's environment variables.
        folders: where a `.env` may lie, in order; the first that has the name wins. The first is the configuration
            folder, which also has the record of what replaced credentials (`settings.credential_records`).
        keyring: the system's keyring; not asked before it is needed.
        personal: learns every secret that is found.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        folders: Sequence[Path],
        keyring: Keyring,
        personal: PersonalValues,
    ) -> None:
        self._environment = environment
        self._folder = folders[0]
        self._paths = tuple(dict.fromkeys(folder / ENV_FILE for folder in folders))
        self._keyring = keyring
        self._personal = personal
        self._read: dict[Path, EnvFile] = {}
        self._kept: tuple[KeptCredential, ...] | None = None

    def find(self, login: Login, credential: Credential) -> Found | None:
        """The credential's value, or None.

        A place that fails is an error for a required credential only: an optional one is then just not found.

        Raises:
            ConfigurationError: a `.env` file that others can read or that is not understood, or a failing keyring.
        """
        try:
            found = self._find(login, credential.name)
        except ConfigurationError:
            if credential.required:
                raise
            return None
        if found is not None:
            self._personal.add(found.secret, PersonalKind.CREDENTIAL)
        return found

    def secret(self, login: Login, credential: Credential) -> Secret | None:
        """The credential's value alone; see `find`."""
        found = self.find(login, credential)
        return found.secret if found else None

    def expiry(self, login: Login, credential: Credential) -> tuple[Login, datetime] | None:
        """When the credential stops working, and whose it is; None where that is unknown, or it is nowhere to be found."""
        with suppress(ConfigurationError):
            found = self._find(login, credential.name)
            if found is not None and found.expires_at is not None:
                return found.login, found.expires_at
        return None

    def store(
        self, login: Login, name: str, secret: Secret, expires_at: datetime | None = None
    ) -> str:
        """Put a credential into the keyring; returns what to call that place.

        Raises:
            ConfigurationError: there is no keyring that protects it, or it fails.
        """
        self._personal.add(secret, PersonalKind.CREDENTIAL)
        self.check_keyring(login, name)
        self._keyring.write(login.keyring_group, name, secret.reveal())
        self._note(login, name, secret, expires_at)
        return self._keyring_title()

    def check_keyring(self, login: Login, name: str) -> None:
        """Whether a credential can be put into the keyring.

        Raises:
            ConfigurationError: there is none that protects it; says where to put the credential.
        """
        if not self.keyring_protects:
            raise ConfigurationError(
                f"the system keyring is {self._keyring.protection.value}",
                hint=f"put {login.variable(name)}=... into {self.env_file} (chmod 600), or into the environment",
            )

    def store_in_env_file(
        self, login: Login, name: str, secret: Secret, expires_at: datetime | None = None
    ) -> str:
        """Put a credential into the `.env` of the configuration folder, for machines without a keyring.

        Raises:
            ConfigurationError: it cannot be written, or others can read it.
        """
        self._personal.add(secret, PersonalKind.CREDENTIAL)
        path = self.env_file
        self._write_env_value(path, login.variable(name), secret)
        self._note(login, name, secret, expires_at)
        return str(path)

    def place_of(self, login: Login, name: str) -> str | None:
        """What to call the place that holds this log-in's own credential; None where it has none.

        Raises:
            ConfigurationError: as `find`.
        """
        found = self._search(login, name)
        return found.origin if found else None

    def replace(
        self, login: Login, name: str, secret: Secret, expires_at: datetime | None = None
    ) -> str:
        """Keep a new value where the old one came from; returns what to call that place.

        That is the keyring, or the line of a `.env` file. The environment cannot be changed, so what replaces a value of
        it is kept in the configuration folder. A credential that is nowhere yet goes into the keyring.

        Args:
            login: whose it is. Where only the log-in of all profiles has it, that one is changed.
            name: of the credential.
            secret: the new value.
            expires_at: when it stops working; None for when the old one did.

        Raises:
            ConfigurationError: it cannot be kept; what was there is as it was.
        """
        self._personal.add(secret, PersonalKind.CREDENTIAL)
        found = self._find(login, name)
        if found is None:
            return self.store(login, name, secret, expires_at)
        until = expires_at or found.expires_at
        if found.place is Place.KEYRING:
            self._keyring.write(found.login.keyring_group, name, secret.reveal())
            self._note(found.login, name, secret, until)
            return found.origin
        if found.place is Place.ENV_FILE and found.path is not None:
            with suppress(ConfigurationError):  # a file that is mounted read-only, for one
                self._write_env_value(found.path, found.login.variable(name), secret)
                self._note(found.login, name, secret, until)
                return found.origin
        self._keep(found.login, name, found.original, until, secret.reveal())
        return str(self._kept_file)

    @contextmanager
    def hold(self, login: Login, name: str) -> Iterator[Secret | None]:
        """The credential as it is kept now, while no other process exchanges one of this broker's for a new one.

        Two syncs that start together would otherwise both send the same refresh token, and a broker that grants a new one
        takes the old one once.

        Raises:
            ConfigurationError: as `find`.
            SyncRunning: another process has held it for longer than any exchange takes.
        """
        from variance_bridge.storage.private_files import exclusive_lock

        lock = f".{login.broker}.exchange.lock"
        with ExitStack() as stack:
            try:
                stack.enter_context(exclusive_lock(self._folder, lock, wait=_MAX_EXCHANGE))
            except ConfigurationError:
                pass  # in a folder that cannot be written there is no other way to wait
            except TimeoutError:
                raise SyncRunning(
                    f"another process is logging in at {login.broker}, and does not come to an end",
                    where=str(self._folder / lock),
                    hint="end that process, or wait until it has ended, then run the command again",
                ) from None
            self._read.clear()
            self._kept = None
            found = self._find(login, name)
            yield found.secret if found else None

    def clear(self, login: Login, name: str) -> bool:
        """Remove a credential from the keyring, and what is known of it; False when it was not there.

        Raises:
            ConfigurationError: the keyring fails.
        """
        from variance_bridge.settings.credential_records import forget

        self._kept = None
        was_kept = forget(self._folder, login, name)
        return self._keyring.delete(login.keyring_group, name) or was_kept

    def states(
        self, login: Login, credentials: Iterable[Credential]
    ) -> tuple[CredentialState, ...]:
        """Where each declared credential was found, or why not; never raises."""
        return tuple(self._state(login, credential) for credential in credentials)

    @property
    def env_file(self) -> Path:
        """The `.env` file of the configuration folder; need not exist."""
        return self._paths[0]

    @property
    def keyring_protection(self) -> Protection:
        """How well the keyring protects. Asks it, so only `auth` and `doctor` should."""
        return self._keyring.protection

    @property
    def keyring_protects(self) -> bool:
        """Whether a secret may be put into the keyring."""
        from variance_bridge.settings.keyring import Protection

        return self._keyring.protection in {Protection.SECURE, Protection.UNKNOWN}

    def _state(self, login: Login, credential: Credential) -> CredentialState:
        found, problem = None, None
        try:
            found = self._find(login, credential.name)
        except ConfigurationError as error:
            problem = str(error)
        return CredentialState(
            name=credential.name,
            required=credential.required,
            origin=found.origin if found else None,
            problem=problem,
            expires_at=found.expires_at if found else None,
            login=found.login if found else None,
        )

    def _find(self, login: Login, name: str) -> Found | None:
        """Raises ConfigurationError for a value that is too long to be a credential."""
        for level in login.levels:
            found = self._search(level, name)
            if found is None:
                continue
            if len(found.secret.reveal()) > MAX_SECRET_LENGTH:
                raise ConfigurationError(
                    f"{name} is longer than {MAX_SECRET_LENGTH} characters",
                    where=found.origin,
                    hint="Set it again: it cannot be the right one.",
                )
            return found
        return None

    def _search(self, login: Login, name: str) -> Found | None:
        """The credential of exactly this log-in, as it is or as it was replaced."""
        found = self._in_place(login, name)
        if found is None:
            return None
        from variance_bridge.settings.credential_records import digest, read_kept

        # Another thread, of another broker, may forget it meanwhile.
        known = self._kept
        if known is None:
            known = self._kept = read_kept(self._folder)
        kept = next((one for one in known if one.is_of(login, name)), None)
        if kept is None or kept.digest != digest(found.secret):
            return found
        found = structs.replace(found, expires_at=kept.expiry)
        if not kept.value:
            return found
        origin = f"{self._kept_file}, in place of {found.origin}"
        return structs.replace(
            found, secret=Secret(kept.value), replaced=found.secret, origin=origin
        )

    def _in_place(self, login: Login, name: str) -> Found | None:
        variable = login.variable(name)
        if value := self._environment.get(variable):
            return Found(
                secret=Secret(value),
                place=Place.ENVIRONMENT,
                origin=f"environment ({variable})",
                login=login,
            )
        files = [self._env_file(path) for path in self._paths]
        for file in files:
            if secret := file.values.get(variable):
                if file.problem is not None:
                    raise file.problem
                return Found(
                    secret=secret,
                    place=Place.ENV_FILE,
                    origin=str(file.path),
                    login=login,
                    path=file.path,
                )
        entry = self._keyring.read(login.keyring_group, name)
        if entry is not None:
            return Found(
                secret=Secret(entry),
                place=Place.KEYRING,
                origin=self._keyring_title(),
                login=login,
            )
        for file in files:
            if file.unread and file.problem is not None:
                raise file.problem
        return None

    def _write_env_value(self, path: Path, variable: str, secret: Secret) -> None:
        from variance_bridge.settings.env_file import write_env_value
        from variance_bridge.storage.private_files import exclusive_lock

        with ExitStack() as stack:
            # Without a folder to hold the lock the file is still replaced whole.
            with suppress(ConfigurationError):
                stack.enter_context(exclusive_lock(self._folder))
            write_env_value(path, variable, secret)
        self._read.pop(path, None)

    def _note(self, login: Login, name: str, secret: Secret, expires_at: datetime | None) -> None:
        """Remember when a credential expires. Where that fails, only the warning in time is lost."""
        from variance_bridge.settings.credential_records import forget

        with suppress(ConfigurationError):
            if expires_at is None:
                forget(self._folder, login, name)
                self._kept = None
            else:
                self._keep(login, name, secret, expires_at)

    def _keep(
        self, login: Login, name: str, original: Secret, until: datetime | None, value: str = ""
    ) -> None:
        from variance_bridge.settings.credential_records import KeptCredential, digest, keep

        kept = KeptCredential(
            login=login.keyring_group,
            name=name,
            digest=digest(original),
            value=value,
            expires_at=until.isoformat(timespec="seconds") if until else "",
        )
        keep(self._folder, kept)
        self._kept = None

    @property
    def _kept_file(self) -> Path:
        from variance_bridge.settings.credential_records import FILE_NAME

        return self._folder / FILE_NAME

    def _keyring_title(self) -> str:
        return f"keyring ({self._keyring.title})"

    def _env_file(self, path: Path) -> EnvFile:
        from variance_bridge.settings.env_file import read_env_file

        file = self._read.get(path)
        if file is None:
            file = self._read[path] = read_env_file(path)
        return file
