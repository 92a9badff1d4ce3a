"""For plugins: unattended syncs, many in one process, on any machine that has the installation's key. The pipeline is that of `variance sync`.

Nobody is asked, no key is made, and no listener is called. Credentials are found where the process runs, by their names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from msgspec import structs

from variance_bridge.errors import BridgeError, ConfigurationError
from variance_bridge.personal_values import PersonalValues
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.output_file import broker_of
from variance_bridge.pipeline.run import redact_error
from variance_bridge.pipeline.run_context import (
    RunContext,
    configured_policy,
    credential_store,
    installation_hash,
)
from variance_bridge.pipeline.sync import carry_out, prepare
from variance_bridge.pipeline.sync_records import Failed, Skipped, Synced, SyncRequest
from variance_bridge.plugins.environment_secrets import isolate_environment
from variance_bridge.settings.account_hash import FILE_NAME, account_hash, installation_key
from variance_bridge.settings.configuration import read_configuration, user_folder
from variance_bridge.settings.keyring import Keyring

__all__ = ["Failed", "Synced", "UnattendedSyncs", "brokers_of", "installation_mark"]

_DIGITS = 16


class UnattendedSyncs:
    """What the syncs of one process share: configuration, key, plugins, and the rates of each broker.

    What one of them finds to be personal is forgotten with its end: the documents of ten thousand accounts are not searched for the
    numbers of all the others, and which of them a process did before decides nothing.

    Attributes:
        folder: the configuration folder.
    """

    def __init__(self, configuration: Path | None, warn: Callable[[str], None]) -> None:
        """Read the configuration, and take the secrets out of the process's environment.

        Args:
            configuration: the file; by default that of the user, or what the environment names.
            warn: is given warnings, without anything personal.

        Raises:
            ConfigurationError: the configuration cannot be read, or the installation has no key yet.
        """
        environment = dict(os.environ)
        stated = read_configuration(user_folder(environment), configuration, environment)
        self._keyring, self._warn = Keyring(), warn
        _key(stated.folder, self._keyring)
        isolate_environment(os.environ)
        self.folder = stated.folder
        self._shared = RunContext(
            configuration=stated,
            policy=configured_policy(stated),
            hash_account=installation_hash(stated.folder, self._keyring),
        )

    def sync(
        self,
        target: Path,
        *,
        broker: str | None = None,
        profile: str | None = None,
        input_file: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> list[Synced | Failed]:
        """All accounts of a file or of a profile, each into a file of its own.

        Args:
            target: where their names begin: `<stem>_<hash digits>.json` beside it, whatever other files are there.
            broker: its name; that of the file's ending by default.
            profile: of the configuration.
            input_file: for brokers that read files.
            settings: of the broker, as `--set` takes them.

        Raises:
            BridgeError: whatever stopped it before an account was known. No error, raised or given, says anything personal.
        """
        choice = Choice(
            broker=broker, profile=profile, input_file=input_file, overrides=settings or {}
        )
        context = self._context()
        try:
            ready = prepare(context, SyncRequest(choice=choice, all_accounts=True))
            aimed = structs.replace(ready, target=target, looks_for_accounts=False)
            results = [_decided(each) for each in carry_out(aimed)]
        except BridgeError as error:
            redact_error(error, context.personal)
            raise
        for result in results:
            if isinstance(result, Failed):
                redact_error(result.error, context.personal)
        return results

    def _context(self) -> RunContext:
        """What one sync is given."""
        shared, personal = self._shared, PersonalValues()
        credentials = credential_store(shared.configuration, personal, self._keyring)
        return RunContext(
            configuration=shared.configuration,
            registry=shared.registry,
            personal=personal,
            policy=shared.policy,
            find_credential=credentials.secret,
            store_credential=credentials.replace,
            hold_credential=credentials.hold,
            rates=shared.rates,
            hash_account=shared.hash_account,
            warn=lambda message: self._warn(personal.redact(message)),
        )

    def longest_window(self, broker: str) -> float:
        """Seconds of the longest window for which the broker publishes a rate; 0 where it publishes none, or is not known."""
        try:
            limits = self._shared.registry.load(broker).broker.rate_limits
        except BridgeError:
            return 0.0
        return max((limit.seconds for limit in limits), default=0.0)


def _decided(result: Synced | Failed | Skipped) -> Synced | Failed:
    """Here, older positions are a failure: nobody reads a warning about them."""
    if isinstance(result, Skipped):
        return Failed(account=result.account, error=result.error)
    return result


def brokers_of(configuration: Path | None, profiles: Iterable[str]) -> dict[str, str | None]:
    """The broker of each profile; None of one that the configuration does not have, and where no broker is chosen.

    Raises:
        ConfigurationError: the configuration cannot be read.
    """
    environment = dict(os.environ)
    stated = read_configuration(user_folder(environment), configuration, environment)
    known = stated.stated.profiles
    return {name: broker_of(stated, known[name]) if name in known else None for name in profiles}


def installation_mark(configuration: Path | None) -> str:
    """Sixteen digits that are the same wherever the installation's key is the same, and do not tell the key.

    Raises:
        ConfigurationError: the installation has no key yet.
    """
    environment = dict(os.environ)
    stated = read_configuration(user_folder(environment), configuration, environment)
    marked = account_hash(_key(stated.folder, Keyring()), "", "the mark of an installation")
    return hashlib.sha256(marked.encode()).hexdigest()[:_DIGITS]


def _key(folder: Path, keyring: Keyring) -> bytes:
    """The existing key. A key made here would give each machine different hashes."""
    if not (folder / FILE_NAME).is_file():
        raise ConfigurationError(
            "this installation has no key for account hashes yet",
            where=str(folder),
            hint=f"run one `variance sync`, or copy {FILE_NAME} of the installation into that folder",
        )
    return installation_key(folder, keyring)
