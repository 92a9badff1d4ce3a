"""Builds the environment in .venv from the hash-pinned lock and this checkout's distributions.

Usage: build_environment.py ROOT LEVEL FILE...

LEVEL is `runtime` (what the command needs) or `development` (that, and what ./check needs). FILEs
are the inputs beside the lock: this script and every pyproject.toml. Called by environment.sh when
it finds that .venv is missing or was built from other inputs; needs Python 3.11 and nothing else.

What can be relied on:

* .venv counts as ready only when the last step has written its stamp, so a build that was killed,
  or that ran out of network or disk, is done again by the next run.
* Builds exclude each other by a lock that dies with the processes that hold it. The installer
  inherits it: when only this script is killed, the next run waits until the orphan has ended.
* A .venv that this script did not make is never deleted but set aside under another name.

Exit codes: 0 ready, 3 the environment cannot be built, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

LOCKS = {"runtime": "requirements.lock", "development": "requirements-dev.lock"}
"""The lock of each level. The development lock holds every pin of the runtime lock."""

KEPT_PIP_SETTINGS = frozenset(
    {
        "PIP_CACHE_DIR",
        "PIP_CERT",
        "PIP_CLIENT_CERT",
        "PIP_CONFIG_FILE",
        "PIP_DEFAULT_TIMEOUT",
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_INDEX_URL",
        "PIP_KEYRING_PROVIDER",
        "PIP_NO_CACHE_DIR",
        "PIP_NO_INDEX",
        "PIP_PROXY",
        "PIP_RETRIES",
        "PIP_TIMEOUT",
        "PIP_TRUSTED_HOST",
        "PIP_USE_DEPRECATED",
        "PIP_USE_FEATURE",
    }
)
"""How this machine reaches its index. Other PIP_ variables (a target folder, constraints, ...)
would change what is installed and where, so they are withheld."""

DISK_IS_FULL = "The disk is full. Make room and run this again."
FORBIDDEN = "This user may not write to the folder of this checkout."
WRONG_HASH = """A download is not the file that the lock pins, so it was not installed. Try once more;
if it stays so, do not work around it but report it."""
NO_INDEX = """The package index cannot be reached, or lacks a pinned file. Setting up needs the network
(pip's settings for index, proxy and certificates are honoured): run this again when it is there."""
UNEXPLAINED = "Run this again; if it fails again, please report these lines."

FAILURES = {
    "No space left on device": DISK_IS_FULL,
    "Disk quota exceeded": DISK_IS_FULL,
    "Permission denied": FORBIDDEN,
    "Read-only file system": FORBIDDEN,
    "DO NOT MATCH THE HASHES": WRONG_HASH,
    "ConnectTimeoutError": NO_INDEX,
    "NameResolutionError": NO_INDEX,
    "NewConnectionError": NO_INDEX,
    "ProxyError": NO_INDEX,
    "ReadTimeoutError": NO_INDEX,
    "SSLError": NO_INDEX,
    "No matching distribution found": NO_INDEX,
}
"""What pip's output says, and what that means to the user."""

LONGEST_EXCERPT = 12  # lines of pip's output that are shown when it fails


SECONDS_TO_TIDY_UP = 5.0


class SetupError(Exception):
    """The environment cannot be built; the message says why and what to do."""


@dataclass(frozen=True)
class Checkout:
    """A checkout of the project and the files that describe its environment."""

    root: Path
    inputs: tuple[Path, ...]

    @property
    def environment(self) -> Path:
        """The virtual environment's folder."""
        return self.root / ".venv"

    @property
    def records(self) -> Path:
        """The folder of stamps; its presence tells that this script made the environment."""
        return self.environment / "setup"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.environment / "bin" / "python"

    def locked(self, level: str) -> bytes:
        """What the stamp `locked-LEVEL` holds: the lock that was installed, and where."""
        return os.fsencode(self.root) + b"\n" + (self.root / LOCKS[level]).read_bytes()

    def ready(self, level: str) -> bytes:
        """What the stamp `ready-LEVEL` holds; the same bytes as environment_inputs in the shell."""
        return self.locked(level) + b"".join(path.read_bytes() for path in self.inputs)

    def is_stamped(self, stamp: str, content: bytes) -> bool:
        """Whether the stamp of this name exists and holds exactly this content."""
        try:
            return (self.records / stamp).read_bytes() == content
        except OSError:
            return False

    def stamp(self, stamp: str, content: bytes) -> None:
        """Writes a stamp in one step: it is never seen half-written."""
        draft = self.records / f"{stamp}.new"
        draft.write_bytes(content)
        draft.replace(self.records / stamp)


@contextlib.contextmanager
def build_lock(path: Path) -> Iterator[int]:
    """Waits until this process is the only builder; gives the descriptor that holds the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another run that is setting up Variance Bridge...")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def build(checkout: Checkout, level: str, lock_descriptor: int) -> None:
    """Makes .venv what the lock and the pyproject files describe, reusing what still holds."""
    started = time.monotonic()
    # Read before anything is installed: a file that changes meanwhile is noticed by the next run.
    ready = {each: checkout.ready(each) for each in LOCKS}
    locked = {each: checkout.locked(each) for each in LOCKS}
    interpreter_works = can_install(checkout)
    if interpreter_works and checkout.is_stamped(f"ready-{level}", ready[level]):
        return
    if (checkout.records / "locked-development").exists():
        level = "development"

    if interpreter_works and checkout.is_stamped(f"locked-{level}", locked[level]):
        say("Updating Variance Bridge's environment...")
        forget(checkout, "ready-")
    elif interpreter_works and checkout.is_stamped("locked-runtime", locked["runtime"]):
        say("Adding the development tools to Variance Bridge's environment (about a minute)...")
        forget(checkout, "ready-")
        install_lock(checkout, level, lock_descriptor)
    else:
        rebuilds = checkout.records.exists()
        why = "its packages, its Python or its folder changed" if rebuilds else "first run"
        say(f"Setting up Variance Bridge ({why}; about a minute)...")
        discard(checkout)
        create(checkout, lock_descriptor)
        install_lock(checkout, level, lock_descriptor)
    for each in covered(level):
        checkout.stamp(f"locked-{each}", locked[each])

    install_distributions(checkout, lock_descriptor)
    for each in covered(level):
        checkout.stamp(f"ready-{each}", ready[each])
    say(f"Ready after {time.monotonic() - started:.0f} s.")


def can_install(checkout: Checkout) -> bool:
    """Whether the environment's interpreter starts and has its installer."""
    command = [str(checkout.python), "-I", "-c", "import pip"]
    environment = installer_environment(os.environ)
    try:
        return (
            subprocess.run(command, env=environment, capture_output=True, check=False).returncode
            == 0
        )
    except OSError:
        return False


def covered(level: str) -> tuple[str, ...]:
    """The levels that an environment of this level satisfies."""
    return ("runtime",) if level == "runtime" else ("runtime", "development")


def forget(checkout: Checkout, prefix: str) -> None:
    """Removes the stamps whose names start with the prefix."""
    for stamp in checkout.records.glob(f"{prefix}*"):
        stamp.unlink()


def discard(checkout: Checkout) -> None:
    """Removes an environment of this script's making; sets any other aside."""
    environment = checkout.environment
    if not os.path.lexists(environment):
        return
    is_folder = environment.is_dir() and not environment.is_symlink()
    if is_folder and (checkout.records.is_dir() or not any(environment.iterdir())):
        forget(checkout, "ready-")
        forget(checkout, "locked-")
        shutil.rmtree(environment)
        return
    aside = environment.with_name(f".venv.{time.strftime('%Y%m%d-%H%M%S')}")
    environment.rename(aside)
    say(f"The .venv that was here is not of Variance Bridge's making: kept as {aside.name}.")


def create(checkout: Checkout, lock_descriptor: int) -> None:
    """Makes an empty virtual environment on the interpreter that runs this script."""
    checkout.records.mkdir(parents=True)
    # The resolved name carries the version (python3.11). The environment then points to nothing
    # once the system moves to another version, which is noticed, instead of to a Python that
    # finds no packages.
    interpreter = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    run(checkout, [interpreter, "-I", "-m", "venv", str(checkout.environment)], lock_descriptor)


def install_lock(checkout: Checkout, level: str, lock_descriptor: int) -> None:
    """Installs the pinned files, and only these: built wheels whose hashes the lock holds."""
    run(
        checkout,
        [
            *pip_install(checkout),
            "--require-hashes",
            "--no-deps",
            "--only-binary=:all:",
            "--requirement",
            str(checkout.root / LOCKS[level]),
        ],
        lock_descriptor,
    )


def install_distributions(checkout: Checkout, lock_descriptor: int) -> None:
    """Installs the checkout's own distributions so that an edit of the source takes effect."""
    folders = [path.parent for path in checkout.inputs if path.name == "pyproject.toml"]
    editables = [part for folder in folders for part in ("--editable", str(folder))]
    command = [*pip_install(checkout), "--no-index", "--no-deps", "--no-build-isolation"]
    run(checkout, [*command, *editables], lock_descriptor)
    write_relative_paths(checkout)


def write_relative_paths(checkout: Checkout) -> None:
    """Makes the paths of the editable installs relative, and thereby ASCII.

    Python up to 3.12 decodes .pth files by the locale, and 3.12 does not even start under LC_ALL=C
    when the absolute path of the checkout is not ASCII.
    """
    below_root = f"{checkout.root}{os.sep}"
    for path in checkout.environment.glob("lib/python*/site-packages/*.pth"):
        lines = path.read_text(encoding="utf-8").splitlines()
        changed = [
            os.path.relpath(line, path.parent) if line.startswith(below_root) else line
            for line in lines
        ]
        if changed != lines:
            draft = path.with_suffix(".new")
            draft.write_text("\n".join(changed) + "\n", encoding="utf-8")
            draft.replace(path)


def pip_install(checkout: Checkout) -> list[str]:
    """The start of every call of pip."""
    return [
        *(str(checkout.python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"),
        *("install", "--no-user", "--no-warn-script-location", "--progress-bar=off"),
    ]


def run(checkout: Checkout, command: Sequence[str], lock_descriptor: int) -> None:
    """Runs one step in silence; raises SetupError with the telling lines when it fails.

    When this process ends without ending the step (it was killed, or interrupted in the instant
    that starts the step), the lock that the step inherits keeps later builds waiting for it.
    """
    with subprocess.Popen(
        command,
        cwd=checkout.root,
        env=installer_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        pass_fds=(lock_descriptor,),
        process_group=0,
    ) as step:
        try:
            output, _ = step.communicate()
        except BaseException:
            end(step)
            raise
    if step.returncode != 0:
        raise SetupError(explanation(output))


def end(step: subprocess.Popen[str]) -> None:
    """Ends a step and all that it has started, so that nothing writes to .venv any more."""
    os.killpg(step.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        step.wait(SECONDS_TO_TIDY_UP)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(step.pid, signal.SIGKILL)


def installer_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The user's variables without those that would lead the installer astray."""
    return {
        name: value
        for name, value in variables.items()
        if name in KEPT_PIP_SETTINGS or not is_misleading(name, value)
    }


def is_misleading(name: str, value: str) -> bool:
    """Whether a variable is about another Python, or about another way to install."""
    if name == "HOME":
        return not value  # empty, it would mean the root folder; missing, the user's own
    return name.startswith(("PYTHON", "PIP_")) or name in {"VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}


def explanation(output: str) -> str:
    """What to tell the user about a failed step: its own telling lines, then what to do."""
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lstrip().lower().startswith("error")]
    excerpt = (errors or lines)[-LONGEST_EXCERPT:]
    advice = next((text for sign, text in FAILURES.items() if sign in output), UNEXPLAINED)
    return "\n".join([*(f"  {line.strip()}" for line in excerpt), advice])


def say(message: str) -> None:
    """Tells the user something, on stderr: stdout belongs to the command."""
    print(message, file=sys.stderr, flush=True)


def stop(_signal: int, _frame: FrameType | None) -> None:
    """Ends the build, and the installer with it, when the process is told to end."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Builds the environment; returns the exit code."""
    root, level, *inputs = arguments
    checkout = Checkout(Path(root), tuple(map(Path, inputs)))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        with build_lock(checkout.root / ".venv.lock") as lock_descriptor:
            build(checkout, level, lock_descriptor)
    except KeyboardInterrupt:
        say("Interrupted: the next run starts the set-up again.")
        return 130
    except (SetupError, OSError) as error:
        reason = explanation(str(error)) if isinstance(error, OSError) else str(error)
        say(f"variance: the environment in .venv could not be built:\n{reason}")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
