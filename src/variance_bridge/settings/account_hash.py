"""The key of this installation, and the account hash that only its holder can make.

An account number is short: a plain hash of one falls to trying all numbers in seconds. HMAC-SHA-256 (RFC 2104) under
32 random bytes that never leave this machine does not.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from variance_bridge.errors import ConfigurationError
from variance_bridge.storage.private import exclusive_lock, read_private, write_private

if TYPE_CHECKING:
    from variance_bridge.settings.keyring import Keyring

KEY_BYTES: Final = 32
HASH_DIGITS: Final = 12
FILE_NAME: Final = "installation.key"

_GROUP: Final = "installation"
_ENTRY: Final = "account-hash-key"
_PURPOSE: Final = b"variance-bridge account hash 1"
_MARK: Final = "variance-bridge-key-1"
_IN_KEYRING: Final = "keyring"
_TITLE: Final = "the installation key"
_CHECK_DIGITS: Final = 8


@attrs.frozen
class InstallationKey:
    """The key and where it is kept: "keyring" or the file's path."""

    value: bytes = attrs.field(repr=False)
    origin: str


def account_hash(key: bytes, broker: str, number: str) -> str:
    """The account's name in documents: 12 hex digits and `***`.

    The fields are hashed with their lengths, so that no two pairs of broker and number are the same text.

    Args:
        key: the installation's 32 bytes.
        broker: the broker's name in the registry; the same number at two brokers gives two hashes.
        number: the account number as the broker writes it.
    """
    if len(key) != KEY_BYTES:
        raise ConfigurationError("the installation key does not have 32 bytes")
    fields = (_PURPOSE, broker.encode(), number.encode("utf-8", errors="surrogatepass"))
    message = b"".join(len(field).to_bytes(8, "big") + field for field in fields)
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:HASH_DIGITS] + "***"


def installation_key(folder: Path, keyring: Keyring) -> InstallationKey:
    """The key of this installation; made on first use, and never again.

    A file in the configuration folder (0600) holds the key, or says that the keyring holds it. The keyring is chosen
    on first use, when it is a secure one; where there is none or it fails, the file is.

    Args:
        folder: the configuration folder; made when it does not exist.
        keyring: is asked only when the file says so, or when there is no file.

    Raises:
        ConfigurationError: the file is damaged, others can read it, or the keyring does not have what the file says it
            has. A new key is not made then, because every account hash would change in silence.
    """
    path = folder / FILE_NAME
    try:
        return _kept(path, keyring)
    except FileNotFoundError:
        pass
    with exclusive_lock(folder):
        try:
            return _kept(path, keyring)
        except FileNotFoundError:
            return _make(path, keyring)


def rotate_key(folder: Path, keyring: Keyring) -> InstallationKey:
    """Replace the key by a new one. Every account hash is another one from then on; the old key is gone.

    Raises:
        ConfigurationError: the new key cannot be kept.
    """
    with exclusive_lock(folder):
        return _store(folder / FILE_NAME, secrets.token_bytes(KEY_BYTES), keyring, replace=True)


def _kept(path: Path, keyring: Keyring) -> InstallationKey:
    text = read_private(path, _TITLE).decode("ascii", errors="replace").strip()
    if text != _IN_KEYRING:
        return InstallationKey(_parse(text, str(path)), str(path))
    entry = keyring.read(_GROUP, _ENTRY)
    if entry is None:
        raise ConfigurationError(
            "the installation key should be in the system keyring, and is not there",
            where=str(path),
            hint=_NEW_KEY,
        )
    return InstallationKey(_parse(entry, "keyring"), "keyring")


def _make(path: Path, keyring: Keyring) -> InstallationKey:
    """The key of a keyring that outlived its configuration folder, else a new one."""
    from variance_bridge.settings.keyring import Protection

    entry = None
    if keyring.protection is Protection.SECURE:
        try:
            entry = keyring.read(_GROUP, _ENTRY)
        except ConfigurationError:
            return _store_in_file(path, secrets.token_bytes(KEY_BYTES), replace=False)
    if entry is None:
        return _store(path, secrets.token_bytes(KEY_BYTES), keyring, replace=False)
    key = _parse(entry, "keyring")
    write_private(path, _IN_KEYRING.encode(), _TITLE, replace=True)
    return InstallationKey(key, "keyring")


def _store(path: Path, key: bytes, keyring: Keyring, *, replace: bool) -> InstallationKey:
    from variance_bridge.settings.keyring import Protection

    if keyring.protection is not Protection.SECURE:
        return _store_in_file(path, key, replace=replace)
    try:
        keyring.write(_GROUP, _ENTRY, _spell(key))
    except ConfigurationError:
        return _store_in_file(path, key, replace=replace)
    write_private(path, _IN_KEYRING.encode(), _TITLE, replace=True)
    return InstallationKey(key, "keyring")


def _store_in_file(path: Path, key: bytes, *, replace: bool) -> InstallationKey:
    """The key that is in the file afterwards: that of another process, when it came first where nothing can be locked."""
    if not write_private(path, _spell(key).encode(), _TITLE, replace=replace):
        key = _parse(
            read_private(path, _TITLE).decode("ascii", errors="replace").strip(), str(path)
        )
    return InstallationKey(key, str(path))


def _spell(key: bytes) -> str:
    """Mark, key and check digits, so that a damaged key is noticed and not used."""
    encoded = base64.urlsafe_b64encode(key).decode("ascii")
    return f"{_MARK}:{encoded}:{hashlib.sha256(key).hexdigest()[:_CHECK_DIGITS]}"


def _parse(text: str, place: str) -> bytes:
    mark, _, rest = text.partition(":")
    try:
        key = base64.b64decode(rest.partition(":")[0], altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if mark != _MARK or len(key) != KEY_BYTES or text != _spell(key):
        raise ConfigurationError("the installation key is damaged", where=place, hint=_NEW_KEY)
    return key


_NEW_KEY = "Restore it from a backup, or make a new one with `variance auth rotate-key`: every account hash changes then."
