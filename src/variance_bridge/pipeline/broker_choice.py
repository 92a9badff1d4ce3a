"""Which broker is meant: by name, by the name of a format, or by the ending of a file; and the file or folder that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from variance_bridge.broker import BrokerSpec, Capability
from variance_bridge.errors import UsageError
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.plugins.registry import known_plugins


class Choice(Struct, frozen=True, kw_only=True):
    """What the user asked for on the command line.

    Attributes:
        broker: its name in the registry; None leaves it to the configuration.
        profile: a profile of the configuration.
        account: a number, hash or nickname.
        input_file: for brokers that read files: the file, or a folder of exports.
        overrides: settings for this run.
    """

    broker: str | None = None
    profile: str | None = None
    account: str | None = None
    input_file: Path | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)


def endings(context: RunContext) -> Sequence[str]:
    """Of files that may be exports, in a folder in which anything may lie."""
    return [f".{name}" for name in context.registry.names]


def reader_of(context: RunContext, file: Path, configured: str | None) -> str | None:
    """The broker that reads a file: the configured one if it reads files, else the one that has the name of its ending.

    A folder is read by the broker of its newest export.

    Raises:
        DataRefused: nothing in the folder looks like an export.
    """
    if (
        configured
        and Capability.READS_FILES in context.registry.load(configured).broker.capabilities
    ):
        return configured
    if file.is_dir():
        from variance_bridge.pipeline.export_folder import newest_export

        file = newest_export(file, endings(context))
    reader = reader_of_ending(file)
    return reader if reader in context.registry.names else configured


def reader_of_ending(file: Path) -> str:
    """The name of the broker that reads files with that ending, whether it is installed or not; "" without an ending."""
    ending = file.suffix.lower().removeprefix(".")
    reader: str = known_plugins("ending").get(ending, {}).get("broker", ending)
    return reader


def reader_of_format(
    context: RunContext, name: str, choice: Choice
) -> tuple[str, Mapping[str, str]]:
    """The broker to use, and the settings of this run: where the name is that of a format, the broker that reads it.

    An installed broker of that name comes first, unless a file is given that it does not read.
    """
    if name in context.registry.names:
        capabilities = context.registry.load(name).broker.capabilities
        if choice.input_file is None or Capability.READS_FILES in capabilities:
            return name, choice.overrides
    formats = known_plugins("format")
    about = formats.get(name, formats.get(name.lower()))
    if about is None or about["broker"] not in context.registry.names:
        return name, choice.overrides
    return about["broker"], {**about["settings"], **choice.overrides}


def folder_of(spec: BrokerSpec, input_file: Path | None, settings: object) -> Path | None:
    """The folder of exports that is read: the one that the user named, else the setting `input_folder`."""
    if Capability.READS_FILES not in spec.capabilities:
        return None
    if input_file is not None:
        return input_file if input_file.is_dir() else None
    configured = getattr(settings, "input_folder", None)
    return Path(configured) if configured else None


def check_input(spec: BrokerSpec, input_file: Path | None) -> None:
    """Refuses a file for a broker that reads none."""
    reads_files = Capability.READS_FILES in spec.capabilities
    if input_file is not None and not reads_files:
        raise UsageError(
            f"the broker `{spec.name}` does not read files", hint="run it without `--input`"
        )
