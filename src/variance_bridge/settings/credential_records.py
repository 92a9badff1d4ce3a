"""What the program records about credentials: when they expire, and what replaced those that it cannot change.

A token of the environment that a broker replaced cannot be changed there, so the new one is kept here, beside a digest of
the old one: as long as the environment holds the old one, the new one is meant. Only this user can read the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.formatting import repr_without
from variance_bridge.personal_values import Secret
from variance_bridge.settings.credential_owner import Login
from variance_bridge.storage.private_files import exclusive_lock, read_private, write_private

FILE_NAME: Final = "credentials.json"
_TITLE: Final = "the record of credentials"


class KeptCredential(Struct, frozen=True, kw_only=True):
    """One credential of a log-in.

    Attributes:
        login: `Login.keyring_group`.
        name: of the credential.
        digest: of the value in the place where the user put it.
        value: what replaced it; "" where that place was changed itself.
        expires_at: when it stops working, in ISO 8601; "" for unknown.
    """

    login: str
    name: str
    digest: str
    value: str = ""
    expires_at: str = ""

    __repr__ = repr_without("value")

    @property
    def expiry(self) -> datetime | None:
        """When it stops working; None for unknown."""
        return datetime.fromisoformat(self.expires_at) if self.expires_at else None

    def is_of(self, login: Login, name: str) -> bool:
        """Whether it is that credential."""
        return (self.login, self.name) == (login.keyring_group, name)


class _Record(Struct, frozen=True):
    """The record of credentials."""

    entry: tuple[KeptCredential, ...]


def digest(secret: Secret) -> str:
    """What a value is recognised by. A token is random, so that nobody finds it by trying."""
    import hashlib

    return hashlib.sha256(secret.reveal().encode("utf-8", errors="surrogatepass")).hexdigest()


def read_kept(folder: Path) -> tuple[KeptCredential, ...]:
    """All that is known; nothing when there is no record.

    Raises:
        ConfigurationError: others can read or change the record, or it is damaged.
    """
    path = folder / FILE_NAME
    try:
        data = read_private(path, _TITLE)
    except FileNotFoundError:
        return ()
    from variance_bridge.document import exact_json
    from variance_bridge.settings.table_to_class import structure

    try:
        entries = structure({"entry": exact_json.loads(data)}, _Record).entry
        _check_times(entries)
    except (DataRefused, ConfigurationError, ValueError):
        # Whatever is wrong with it, a message that quotes it could show a token.
        raise ConfigurationError(
            f"{_TITLE} is damaged",
            where=str(path),
            hint="Remove it, and log in again: `variance auth login`.",
        ) from None
    return entries


def keep(folder: Path, kept: KeptCredential) -> None:
    """Put down what is known of a credential, in place of what was known before.

    Raises:
        ConfigurationError: it cannot be written.
    """
    with exclusive_lock(folder):
        others = [
            one for one in read_kept(folder) if (one.login, one.name) != (kept.login, kept.name)
        ]
        _write(folder, [*others, kept])


def forget(folder: Path, login: Login, name: str) -> bool:
    """Remove what is known of a credential; False when nothing was.

    Raises:
        ConfigurationError: it cannot be written.
    """
    if not any(one.is_of(login, name) for one in read_kept(folder)):
        return False
    with exclusive_lock(folder):
        _write(folder, [one for one in read_kept(folder) if not one.is_of(login, name)])
    return True


def _check_times(entries: Iterable[KeptCredential]) -> None:
    if any(one.expiry is not None and one.expiry.tzinfo is None for one in entries):
        raise ValueError("a time without a zone")


def _write(folder: Path, entries: Iterable[KeptCredential]) -> None:
    from variance_bridge.document import exact_json

    text = exact_json.dumps([structs.asdict(one) for one in entries])
    write_private(folder / FILE_NAME, text, _TITLE, replace=True)
