"""Runs the program that `[listeners.command]` names. There is no shell, and what it is given is a closed list."""

from __future__ import annotations

import logging
import os
import signal
import string
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs

from variance_bridge import ConfigurationError, Portfolio, hookimpl, setting
from variance_bridge.formatting import did_you_mean, printable

PLACEHOLDERS = ("path", "account_hash", "source", "status", "positions", "rejected", "fetched_at")

_LOG = logging.getLogger(__name__)
_STDERR = 2
_TIMEOUT = timedelta(seconds=10)


@attrs.frozen(kw_only=True)
class CommandSettings:
    """Table `[listeners.command]`."""

    run: tuple[str, ...] = setting(title="the program and its arguments, with placeholders")
    timeout: timedelta = setting(_TIMEOUT, title="how long the program may take")  # noqa: RUF009 - a field

    @run.validator
    def _check_run(self, _field: Any, run: tuple[str, ...]) -> None:
        if not run or not run[0]:
            raise ValueError("must name a program")
        for argument in run:
            if "\0" in argument:
                raise ValueError("must not hold the character NUL")
            for name in _placeholders(argument):
                if name not in PLACEHOLDERS:
                    near = did_you_mean(name, PLACEHOLDERS)
                    known = near or f" (known: {', '.join(PLACEHOLDERS)})"
                    raise ValueError(f"unknown placeholder {{{printable(name, limit=30)}}}{known}")

    @timeout.validator
    def _check_timeout(self, _field: Any, timeout: timedelta) -> None:
        if timeout <= timedelta():
            raise ValueError("must be greater than zero")


def _placeholders(argument: str) -> Iterator[str]:
    """The names in braces, each with the format that may follow it, which none of ours has."""
    try:
        parts = list(string.Formatter().parse(argument))
    except ValueError:
        raise ValueError("has a single brace; for a brace write it twice") from None
    for _text, name, form, conversion in parts:
        if name is not None:
            yield name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")


@hookimpl
def variance_bridge_listener_settings() -> type[CommandSettings]:
    """The keys of `[listeners.command]`."""
    return CommandSettings


@hookimpl
def variance_bridge_synced(portfolio: Portfolio, path: Path, settings: CommandSettings) -> None:
    """Run the program and wait for it.

    Raises:
        ConfigurationError: it cannot be started, fails, or takes too long.
    """
    meta = portfolio.meta
    values = {
        "path": str(path),
        "account_hash": meta.account_hash or "",
        "source": meta.source,
        "status": str(meta.status or ""),
        "positions": len(portfolio.positions),
        "rejected": len(meta.rejected),
        "fetched_at": f"{meta.fetched_at:%Y-%m-%dT%H:%M:%SZ}",
    }
    run = [argument.format_map(values) for argument in settings.run]
    code = _run(run, settings.timeout)
    if code:
        ended = f"was stopped by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise ConfigurationError(f"the program `{_name(run)}` {ended}; `-v` shows its output")


def _run(command: list[str], timeout: timedelta) -> int:
    """The exit code. Without `-v` the output is discarded; with it, it goes to stderr, as stdout is for results."""
    output = _STDERR if _LOG.isEnabledFor(logging.INFO) else subprocess.DEVNULL
    try:
        # A session of its own, so that what the program has started can be stopped with it.
        process = subprocess.Popen(  # noqa: S603 - what the user's configuration says, without a shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigurationError(
            f"the program `{_name(command)}` cannot be started: {error.strerror}"
        ) from error
    with process:
        try:
            return process.wait(timeout.total_seconds())
        except subprocess.TimeoutExpired:
            raise ConfigurationError(
                f"the program `{_name(command)}` took longer than {timeout.total_seconds():g} s"
                " and was stopped"
            ) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _name(command: list[str]) -> str:
    """The program without its folders, which may name a person."""
    return printable(Path(command[0]).name, limit=60)
