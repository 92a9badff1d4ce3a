"""Builds .venv from a hash-pinned lock and this checkout's distributions, then becomes its Python.

Usage: build_environment.py LOCK [ARGUMENT...], called by environment.sh; needs Python 3.11 only.

* .venv counts as ready when the last step has stamped it with all that it was built from: a build
  that was killed is done again.
* Builds exclude each other by a lock that the installer inherits: when only this script is killed,
  the next run waits until the orphan has ended.
* A .venv that this script did not make is set aside, never deleted.

Exit codes: 3 the environment cannot be built, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = str(VENV / "bin" / "python")
STAMPS = VENV / "setup"  # only an environment of our making has it; a stamp for each lock
PROJECTS = [str(ROOT / "pyproject.toml"), *sorted(map(str, ROOT.glob("plugins/*/pyproject.toml")))]
LOCKS = ("requirements.lock", "requirements-dev.lock")  # the second holds every pin of the first
VERSION = sys.version.split()[0]

MISLEADING = re.compile(
    "PYTHON|VIRTUAL_ENV$|__PYVENV_LAUNCHER__$|PIP_(?!(INDEX_URL|EXTRA_INDEX_URL|NO_INDEX|FIND_LINKS|"
    "CERT|CLIENT_CERT|PROXY|TRUSTED_HOST|KEYRING_PROVIDER|TIMEOUT|DEFAULT_TIMEOUT|RETRIES|CACHE_DIR|"
    "NO_CACHE_DIR|CONFIG_FILE|USE_DEPRECATED|USE_FEATURE)$)"
)
"""Variables of another Python, or of another way to install (a target folder, constraints, ...).
Those that say how this machine reaches its package index stay."""

ADVICE = {
    "No space left on device|Disk quota exceeded": "The disk is full: make room, then run this again.",
    "DO NOT MATCH THE HASHES": "A download is not the file that the lock pins, so it was not installed. "
    "PIP_NO_CACHE_DIR=1 leaves a damaged cache out.\nIf it stays so, do not work around it: report it.",
    "Connect(ion|Timeout)Error|NameResolution|ProxyError|ReadTimeout|SSLError|HTTP error|Max retries":
    "The package index cannot be reached. Setting up needs the network (pip's settings for index,\n"
    "proxy and certificates are honoured): run this again when it is there.",
    "Permission denied|Read-only file system": "This user may not write to the folder of this checkout.",
    "No matching distribution": f"The package index has no file of this pin for Python {VERSION} on "
    "this system.\nCheck pip's settings, or choose a Python from 3.11 to 3.14: VARIANCE_PYTHON=/path/to/python3",
    "subprocess-exited|TOMLDecodeError": "The checkout itself cannot be installed: correct its pyproject.toml.",
    "": "Running this again will not help: please report these lines.",
}  # fmt: skip
"""What to do about a failure, by a pattern of what pip says. The first that is found counts."""

NOISE = re.compile(r"\s*($|note:|hint:|Ignoring |\[end of output|╰─> See above)")
MAX_LINES = 12  # of pip's output, when it fails
SECONDS_TO_TIDY_UP = 5.0


class SetupError(Exception):
    """The environment cannot be built; the message says why and what to do."""


def build(lock: str) -> None:
    """Makes .venv what the lock and the pyproject files describe, reusing what still holds."""
    started = time.monotonic()
    # Read before anything is installed: a file that changes meanwhile is noticed by the next run.
    # The two parts are what environment_inputs prints.
    root = os.fsencode(ROOT)
    locked = {each: b"%b\n%b=\n" % (root, (ROOT / each).read_bytes()) for each in LOCKS}
    own = b"".join(Path(path).read_bytes() for path in (__file__, *PROJECTS))
    found = {each: (STAMPS / each).read_bytes() for each in LOCKS if (STAMPS / each).exists()}
    works = can_install()
    if works and found.get(lock) == locked[lock] + own:
        return  # built by another run, for which this one waited
    covered = LOCKS if LOCKS[1] in (lock, *found) else LOCKS[:1]
    if not (works and found and all(found[each].startswith(locked[each]) for each in found)):
        create()
        found = {}
    if covered[-1] not in found:
        install_lock(ROOT / covered[-1])
    for each in covered:
        (STAMPS / each).write_bytes(locked[each])
    say("Installing Variance Bridge itself")
    editables = [f"--editable={Path(path).parent}" for path in PROJECTS]
    pip_install("--no-index", "--no-deps", "--no-build-isolation", *editables)
    write_relative_paths()
    for each in covered:
        (STAMPS / each).write_bytes(locked[each] + own)
    say(f"Ready after {time.monotonic() - started:.0f} s")


def install_lock(lock: Path) -> None:
    """Installs the pinned files, and only these: built wheels whose hashes the lock holds.

    The lock is complete (a test proves it), so nothing is resolved again, and nothing that an index
    offers tomorrow can change what is installed.
    """
    pins = re.findall(r"(?m)^[a-z].*==", lock.read_text("utf-8"))
    say(f"Installing up to {len(pins)} packages (pinned, hashes checked)")
    pip_install("--no-deps", "--require-hashes", "--only-binary=:all:", f"--requirement={lock}")


def can_install() -> bool:
    """Whether the environment's Python starts and has its installer."""
    with contextlib.suppress(OSError):
        command = [PYTHON, "-I", "-c", "import pip"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def create() -> None:
    """Makes an empty environment on the Python that runs this script, in the place of the old."""
    if STAMPS.is_dir() and not VENV.is_symlink():
        for path in STAMPS.iterdir():
            path.unlink()
        shutil.rmtree(VENV)
    elif os.path.lexists(VENV):
        aside = VENV.rename(f"{VENV}.{time.strftime('%Y%m%d-%H%M%S')}")
        say(f"The .venv that was here is not of Variance Bridge's making: kept as {aside.name}")
    STAMPS.mkdir(parents=True)
    # The resolved name carries the version (python3.11). The environment then points to nothing
    # once the system moves to another version, which is noticed, instead of to a Python that
    # finds no packages.
    interpreter = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    say(f"Creating .venv with Python {VERSION}")
    run([interpreter, "-I", "-m", "venv", str(VENV)])


def write_relative_paths() -> None:
    """Makes the paths of the editable installs relative, and thereby ASCII.

    Python up to 3.12 decodes .pth files by the locale, and 3.12 does not even start under LC_ALL=C
    when the absolute path of the checkout is not ASCII.
    """
    for path in VENV.glob("lib/python*/site-packages/*.pth"):
        text = re.sub(f"(?m)^{re.escape(str(ROOT))}/", "../../../../", path.read_text("utf-8"))
        path.write_text(text, "utf-8")


def pip_install(*arguments: str) -> None:
    """Runs the environment's pip."""
    options = ["--disable-pip-version-check", "--no-input", "--no-user", "--progress-bar=off"]
    run([PYTHON, "-I", "-m", "pip", "install", *options, *arguments])


def run(command: Sequence[str]) -> None:
    """Runs one step in silence; raises SetupError with the telling lines when it fails."""
    with subprocess.Popen(
        command,
        env=installer_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        close_fds=False,  # it inherits the build's lock
        process_group=0,
    ) as step:
        try:
            output = output_of(step)
        except BaseException:
            # All that it has started ends too, so that nothing writes to .venv any more.
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(step.pid, signal.SIGINT)
                step.wait(SECONDS_TO_TIDY_UP)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(step.pid, signal.SIGKILL)
            raise
    if step.returncode != 0:
        raise SetupError(explanation(output))


def output_of(step: subprocess.Popen[str]) -> str:
    """What a step says until its end; on a terminal, the seconds that it has taken so far."""
    started = time.monotonic()
    while True:
        try:
            output, _ = step.communicate(timeout=1)
        except subprocess.TimeoutExpired:
            show_seconds(f"  {time.monotonic() - started:.0f} s")
        else:
            show_seconds("")
            return output


def show_seconds(text: str) -> None:
    """In the place of what was shown before; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def installer_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The user's variables without those that would lead the installer astray."""
    kept = {name: value for name, value in variables.items() if not MISLEADING.match(name)}
    if not kept.get("HOME"):
        kept.pop("HOME", None)  # empty, it would mean the root folder; missing, the user's own
    return kept


def explanation(output: str) -> str:
    """The telling lines of a failed step, then what to do.

    pip names the culprit after its first error, and what it was busy with on the line before.
    """
    lines = [line.rstrip() for line in output.splitlines() if not NOISE.match(line)]
    errors = [
        place for place, line in enumerate(lines) if line.lstrip().lower().startswith("error")
    ]
    lines = lines[max(errors[0] - 1, 0) :] if errors else lines[-MAX_LINES:]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES // 2], "...", *lines[1 - MAX_LINES // 2 :]]
    advice = next(text for signs, text in ADVICE.items() if re.search(signs, output))
    return "\n".join([*(f"  {line}" for line in lines), advice])


def lock_builds() -> TextIO:
    """Waits until this process is the only builder, which it is until the file is closed."""
    file = (ROOT / ".venv.lock").open("a")
    os.set_inheritable(file.fileno(), True)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Waiting for another run that is setting up Variance Bridge")
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def say(message: str) -> None:
    """Tells the user something, on stderr: stdout belongs to the command."""
    print(message, file=sys.stderr, flush=True)


def main(lock: str) -> int:
    """Builds the environment; returns the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with lock_builds():
            build(lock)
    except KeyboardInterrupt:
        say("Interrupted: the next run starts the set-up again.")
        return 130
    except (SetupError, OSError) as error:
        reason = error if isinstance(error, SetupError) else explanation(str(error))
        say(f"variance: the environment in .venv could not be built:\n{reason}")
        return 3
    return 0


if __name__ == "__main__":
    if code := main(sys.argv[1]):
        sys.exit(code)
    os.execv(PYTHON, [PYTHON, "-P", *sys.argv[2:]])  # noqa: S606 - no shell is wanted
