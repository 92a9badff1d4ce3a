"""The key of this installation, and the account hash that only its holder can make.

An account number is short: a plain hash of one falls to trying all numbers in seconds. HMAC-SHA-256 (RFC 2104) under
32 random bytes that never leave this machine does not.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from variance_bridge.errors import ConfigurationError
from variance_bridge.storage.private_files import (
    exclusive_lock,
    inspect_private,
    read_private,
    write_private,
)

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
_DAMAGED: Final = "?"
_TITLE: Final = "the installation key"
_CHECK_DIGITS: Final = 8


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


def installation_key(folder: Path, keyring: Keyring) -> bytes:
    """The key of this installation; made on first use, and never again. It is in a file (0600) of the folder.

    Args:
        folder: the configuration folder; made when it does not exist.
        keyring: where early versions kept the key. The file says so; the key is then moved into the file.

    Raises:
        ConfigurationError: the file is damaged, others can read it, or the keyring does not have what the file says it
            has. A new key is not made then, because every account hash would change unnoticed.
    """
    path = folder / FILE_NAME
    text = _text(path)
    if text is None or text == _IN_KEYRING:
        with exclusive_lock(folder):
            text = _text(path) or _made(path)
            if text == _IN_KEYRING:
                text = _moved(path, keyring)
    return _parse(text, str(path))


def rotate_key(folder: Path, keyring: Keyring) -> bytes:
    """Replace the key by a new one. Every account hash is another one from then on; the old key is gone.

    Raises:
        ConfigurationError: the new key cannot be kept.
    """
    path = folder / FILE_NAME
    with exclusive_lock(folder):
        try:
            old, _problem = inspect_private(path, _TITLE)
        except FileNotFoundError:
            old = b""
        key = os.urandom(KEY_BYTES)
        write_private(path, _spell(key).encode(), _TITLE, replace=True)
        if old.strip() == _IN_KEYRING.encode():
            _forget(keyring)
    return key


def _text(path: Path) -> str | None:
    """What the file holds, also when it is nothing; None when there is none."""
    try:
        return read_private(path, _TITLE).decode("ascii", errors="replace").strip() or _DAMAGED
    except FileNotFoundError:
        return None


def _made(path: Path) -> str:
    """A new key, or that of another process which came first where nothing can be locked."""
    text = _spell(os.urandom(KEY_BYTES))
    if write_private(path, text.encode(), _TITLE, replace=False):
        return text
    return _text(path) or _DAMAGED


def _moved(path: Path, keyring: Keyring) -> str:
    text = keyring.read(_GROUP, _ENTRY)
    if text is None:
        raise ConfigurationError(
            "the installation key should be in the system keyring, and is not there",
            where=str(path),
            hint=_NEW_KEY,
        )
    _parse(text, "keyring")
    write_private(path, text.encode(), _TITLE, replace=True)
    _forget(keyring)
    return text


def _forget(keyring: Keyring) -> None:
    with suppress(ConfigurationError):  # a copy that stays there does no harm
        keyring.delete(_GROUP, _ENTRY)


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
