"""The system's keyring, kept at arm's length: imported when it is reached, never waited for too long, judged by name.

A keyring may be missing (a server), insecure (a plain-text backend), or hang (a locked one that asks a user who is not
there). None of that is an error until a keyring is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeVar

from variance_bridge.errors import ConfigurationError

SERVICE: Final = "variance-bridge"
PATIENCE_SECONDS: Final = 60.0
"""A keyring that is locked asks its user, who needs a moment."""

_SECURE: Final = frozenset(
    {
        "keyring.backends.SecretService",
        "keyring.backends.Windows",
        "keyring.backends.kwallet",
        "keyring.backends.libsecret",
        "keyring.backends.macOS",
    }
)
"""The backends that keyring itself ships and recommends (its documentation, "What is Python keyring?")."""

_ABSENT: Final = frozenset({"keyring.backends.fail", "keyring.backends.null"})
_INSECURE: Final = frozenset(
    {"keyrings.alt.file", "keyrings.alt.Gnome", "keyrings.alt.Google", "keyrings.alt.pyfs"}
)
_CHAIN: Final = "keyring.backends.chainer"

T = TypeVar("T")


class Protection(StrEnum):
    """How well what is put into the keyring is protected."""

    SECURE = "secure"
    UNKNOWN = "unknown: a backend that is not one of keyring's own"
    INSECURE = "insecure: it keeps secrets in files that hold them in plain text, or nearly"
    ABSENT = "absent: there is no keyring on this machine"
    FAILING = "failing: it raises an error or does not answer"


class Keyring:
    """Entries of the system's keyring under our service name.

    Args:
        open_backend: gives keyring's backend object; passed in for tests.
        patience: seconds that one question may take.

    After a failure it is not asked again: a keyring that hangs costs its patience once and not once per entry.
    """

    def __init__(
        self, open_backend: Callable[[], Any] | None = None, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._open = open_backend or _system_backend
        self._patience = patience
        self._backend: Any = None
        self._failed = False

    @property
    def protection(self) -> Protection:
        """How well it protects; never raises."""
        try:
            return _judge(self._opened())
        except ConfigurationError:
            return Protection.FAILING

    @property
    def title(self) -> str:
        """The backend's own name, for `doctor`; "" when it is unknown."""
        try:
            kind = type(_first(self._opened()))
        except ConfigurationError:
            return ""
        return f"{kind.__module__}.{kind.__qualname__}"

    def read(self, group: str, name: str) -> str | None:
        """The entry, or None; a machine without a keyring has no entries, and that is not a failure.

        Args:
            group: whose entry it is: a broker's name.
            name: the credential's name.

        Raises:
            ConfigurationError: the keyring fails or does not answer.
        """
        backend = self._opened()
        if _judge(backend) is Protection.ABSENT:
            return None
        value = self._ask(lambda: backend.get_password(_service(group), name))
        return value if isinstance(value, str) and value else None

    def write(self, group: str, name: str, value: str) -> None:
        """Set the entry, and read it back: some backends accept everything and keep nothing.

        Raises:
            ConfigurationError: it fails, does not answer, or did not keep it.
        """
        backend = self._opened()
        self._ask(lambda: backend.set_password(_service(group), name, value))
        if self.read(group, name) != value:
            raise ConfigurationError(
                "the system keyring did not keep what it was given", hint=_HINT
            )

    def delete(self, group: str, name: str) -> bool:
        """Remove the entry; False when there was none.

        Raises:
            ConfigurationError: it fails or does not answer.
        """
        if self.read(group, name) is None:
            return False
        backend = self._opened()
        self._ask(lambda: backend.delete_password(_service(group), name))
        return True

    def _opened(self) -> Any:
        if self._backend is None:
            self._backend = self._ask(self._open)
        return self._backend

    def _ask(self, question: Callable[[], T]) -> T:
        """The answer, from a thread that is left behind when it takes too long."""
        from variance_bridge.time_limit import within

        if self._failed:
            raise ConfigurationError("the system keyring failed before in this run", hint=_HINT)
        try:
            return within(self._patience, question, thread="variance-bridge-keyring")
        except TimeoutError:
            problem = f"did not answer within {self._patience:.0f} seconds"
        except Exception as error:  # noqa: BLE001 - backends raise what they like; its text may hold the entry
            problem = f"failed ({type(error).__name__})"
        self._failed = True
        raise ConfigurationError(f"the system keyring {problem}", hint=_HINT)


_HINT = (
    "Unlock it, or put the credentials into the environment or a .env file that only you can read."
)


def _service(group: str) -> str:
    return f"{SERVICE}:{group}"


def _system_backend() -> Any:
    import keyring

    return keyring.get_keyring()


def _first(backend: Any) -> Any:
    """The backend that is written to: of a chain, the first one."""
    if type(backend).__module__ == _CHAIN:
        links = list(backend.backends)
        return links[0] if links else backend
    return backend


def _judge(backend: Any) -> Protection:
    module = type(_first(backend)).__module__
    if module in _SECURE:
        return Protection.SECURE
    if module in _ABSENT or module == _CHAIN:
        return Protection.ABSENT
    return Protection.INSECURE if module in _INSECURE else Protection.UNKNOWN
