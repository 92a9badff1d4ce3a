"""Where credentials come from and where they are kept: environment, then `.env`, then the system's keyring.

The first place that has a value wins; the keyring is reached only for what the others do not have, so that a keyring
that hangs or fails costs nothing to those who do not use it. A broker is given what it declared and nothing else.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from variance_bridge.errors import ConfigurationError
from variance_bridge.privacy import MAX_SECRET_LENGTH, PersonalKind, PersonalValues, Secret
from variance_bridge.storage.private import inspect_private

if TYPE_CHECKING:
    from variance_bridge.broker import Credential
    from variance_bridge.settings.keyring import Keyring, Protection

ENV_FILE: Final = ".env"
_TITLE: Final = "the .env file"


class Place(StrEnum):
    """Where a credential was found, in the order of the search."""

    ENVIRONMENT = "environment"
    ENV_FILE = ".env"
    KEYRING = "keyring"


@attrs.frozen
class Found:
    """A credential and where it came from.

    Attributes:
        secret: the value.
        place: which of the three.
        origin: for people: the environment variable, the file's path, or the keyring's backend.
    """

    secret: Secret
    place: Place
    origin: str


@attrs.frozen(kw_only=True)
class CredentialState:
    """What `auth status` and `doctor` tell of one declared credential; never its value.

    Attributes:
        name: the credential's name.
        required: whether the broker needs it.
        origin: where it was found; None when it was not.
        problem: why a place could not be searched; None when all could.
    """

    name: str
    required: bool
    origin: str | None
    problem: str | None = None


class CredentialStore:
    """The three places, for one run.

    Args:
        environment: the process's environment variables.
        folders: where a `.env` may lie, in order; the first that has the name wins.
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
        self._paths = tuple(dict.fromkeys(folder / ENV_FILE for folder in folders))
        self._keyring = keyring
        self._personal = personal
        self._read: dict[Path, EnvFile] = {}

    def find(self, broker: str, credential: Credential) -> Found | None:
        """The credential's value, or None.

        A place that fails is an error for a required credential only: an optional one is then just not found.

        Raises:
            ConfigurationError: a `.env` file that others can read or that is not understood, or a failing keyring.
        """
        try:
            found = self._find(broker, credential.name)
        except ConfigurationError:
            if credential.required:
                raise
            return None
        if found is not None:
            self._personal.add(found.secret, PersonalKind.CREDENTIAL)
        return found

    def secret(self, broker: str, credential: Credential) -> Secret | None:
        """The credential's value alone; see `find`."""
        found = self.find(broker, credential)
        return found.secret if found else None

    def store(self, broker: str, name: str, secret: Secret) -> str:
        """Put a credential into the keyring; returns what to call that place.

        Raises:
            ConfigurationError: there is no keyring that protects it, or it fails.
        """
        from variance_bridge.settings.keyring import Protection

        self._personal.add(secret, PersonalKind.CREDENTIAL)
        protection = self._keyring.protection
        if protection not in {Protection.SECURE, Protection.UNKNOWN}:
            raise ConfigurationError(
                f"the system keyring is {protection.value}",
                where=self._keyring.title or None,
                hint=f"Put {name}=... into {self._paths[0]} (chmod 600), or into the environment.",
            )
        self._keyring.write(broker, name, secret.reveal())
        return self._keyring_title()

    def replace(self, broker: str, name: str, secret: Secret) -> bool:
        """Keep a rotated credential where the old one came from.

        Returns:
            False when that is not the keyring: environment and `.env` are the user's to write.
        """
        self._personal.add(secret, PersonalKind.CREDENTIAL)
        try:
            found = self._find(broker, name)
            if found is None or found.place is not Place.KEYRING:
                return False
            self._keyring.write(broker, name, secret.reveal())
        except ConfigurationError:
            return False
        return True

    def clear(self, broker: str, name: str) -> bool:
        """Remove a credential from the keyring; False when it was not there.

        Raises:
            ConfigurationError: the keyring fails.
        """
        return self._keyring.delete(broker, name)

    def states(self, broker: str, credentials: Iterable[Credential]) -> tuple[CredentialState, ...]:
        """Where each declared credential was found, or why not; never raises."""
        return tuple(self._state(broker, credential) for credential in credentials)

    @property
    def keyring_protection(self) -> Protection:
        """How well the keyring protects. Asks it, so only `auth` and `doctor` should."""
        return self._keyring.protection

    def _state(self, broker: str, credential: Credential) -> CredentialState:
        origin, problem = None, None
        try:
            found = self._find(broker, credential.name)
        except ConfigurationError as error:
            problem = str(error)
        else:
            origin = found.origin if found else None
        return CredentialState(
            name=credential.name, required=credential.required, origin=origin, problem=problem
        )

    def _find(self, broker: str, name: str) -> Found | None:
        """Raises ConfigurationError for a value that is too long to be a credential."""
        found = self._search(broker, name)
        if found is not None and len(found.secret.reveal()) > MAX_SECRET_LENGTH:
            raise ConfigurationError(
                f"{name} is longer than {MAX_SECRET_LENGTH} characters",
                where=found.origin,
                hint="Set it again: it cannot be the right one.",
            )
        return found

    def _search(self, broker: str, name: str) -> Found | None:
        if value := self._environment.get(name):
            return Found(Secret(value), Place.ENVIRONMENT, f"environment ({name})")
        files = [self._env_file(path) for path in self._paths]
        for file in files:
            if secret := file.values.get(name):
                if file.problem is not None:
                    raise file.problem
                return Found(secret, Place.ENV_FILE, str(file.path))
        entry = self._keyring.read(broker, name)
        if entry is not None:
            return Found(Secret(entry), Place.KEYRING, self._keyring_title())
        for file in files:
            if file.unread and file.problem is not None:
                raise file.problem
        return None

    def _keyring_title(self) -> str:
        return f"keyring ({self._keyring.title})"

    def _env_file(self, path: Path) -> EnvFile:
        if path not in self._read:
            self._read[path] = read_env_file(path)
        return self._read[path]


@attrs.frozen(kw_only=True)
class EnvFile:
    """A `.env` file.

    Attributes:
        path: where it is, or would be.
        values: what it says, taken literally.
        problem: why a credential in it must not be used: others can read or change the file. A file that holds none of
            ours (another program's, in the working folder) may be as open as it likes.
        unread: what it holds is unknown.
    """

    path: Path
    values: Mapping[str, Secret] = attrs.field(factory=dict)
    problem: ConfigurationError | None = None
    unread: bool = False


def read_env_file(path: Path) -> EnvFile:
    """A `.env` file; one without values when there is none.

    Nothing is put in for `${NAME}`, because a password may look like that, and the process's environment is left as it
    is.
    """
    try:
        data, problem = inspect_private(path, _TITLE)
    except FileNotFoundError:
        return EnvFile(path=path)
    from dotenv import dotenv_values

    text = data.decode("utf-8-sig", errors="replace")
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return EnvFile(
        path=path,
        values={name: Secret(value) for name, value in values.items() if value},
        problem=problem,
        unread=problem is not None and not data,
    )
