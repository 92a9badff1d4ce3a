"""Kills and fails a publishing process at each of its system calls, and reads after each; prints what it did, as JSON.

A program of its own, because it forks a thousand times: a small process without threads forks fast and safely.

    python kill_harness.py FOLDER kills ptrace|layer SEED EVERY CHAIN
    python kill_harness.py FOLDER errors ptrace|layer EVERY
    python kill_harness.py FOLDER control ptrace|layer

`kills` kills at every EVERYth point of each scenario, then CHAIN times at random points, one writer after the other in
one folder, where each finds what the killed ones left. The engine `layer` needs no ptrace: the writer kills itself before
and after each operation of its `FileSystem`. `errors` lets every EVERYth system call, or operation, of each scenario
fail. Where ptrace is not permitted `layer` is used instead; the answer names the engine that was used.
`control` kills a writer that writes in place, to show that the harness sees a torn document.

Exits 1 with a message when a reader found anything but the old or the new document.
"""

from __future__ import annotations

import errno
import gc
import itertools
import json
import os
import random
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import system_call_tracer as tracer
from msgspec import structs

from variance_bridge.errors import DataRefused
from variance_bridge.storage.filesystem import FileSystem
from variance_bridge.storage.read import read_published
from variance_bridge.storage.replace import previous_path, publish

PUBLISHED, UNCHANGED, IN_PLACE, NO_MEMORY = 0, 10, 11, 12
ERRORS = (
    errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE, errno.EDQUOT, errno.EACCES, errno.EINTR,
)  # fmt: skip

OLD = b'{"old": "' + b"o" * 3000 + b'"}\n'
NEW = b'{"new": "' + b"n" * 5000 + b'"}\n'
NEXT = b'{"next": "' + b"x" * 5000 + b'"}\n'
OLDER = b'{"older": "' + b"x" * 2000 + b'"}\n'


def nothing_there(path: Path) -> None:
    """The first sync of all: not even the folder."""
    path.parent.rmdir()


def one_there(path: Path) -> None:
    """The second sync."""
    path.write_bytes(OLD)


def two_there(path: Path) -> None:
    """A usual sync: a document, and the one before."""
    path.write_bytes(OLD)
    previous_path(path).write_bytes(OLDER)


def leftovers_there(path: Path) -> None:
    """A sync after killed ones, of which the lock file is there too."""
    two_there(path)
    path.with_name(f".{path.name}.lock").touch()
    for number in range(3):
        path.with_name(f".{path.name}.{number:016x}.tmp").write_bytes(NEW[: 100 * number])


SCENARIOS = (nothing_there, one_there, two_there, leftovers_there)


class Torn(AssertionError):
    """A reader found what nobody published."""


def prepare(path: Path, scenario: Callable[[Path], None]) -> None:
    """Set the scenario up in an empty folder."""
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(mode=0o700, parents=True)
    scenario(path)


def found(path: Path) -> bytes | None:
    """What a reader finds."""
    try:
        return read_published(path).data
    except FileNotFoundError:
        return None


def require(condition: bool, text: str) -> None:
    """An assertion that no interpreter option removes."""
    if not condition:
        raise Torn(text)


def check_whole(path: Path, allowed: set[bytes | None], kept: set[bytes | None], when: str) -> None:
    """The document is one of `allowed`, the one before one of `kept`."""
    require(found(path) in allowed, f"{when}: the document is neither the old nor the new one")
    require(found(previous_path(path)) in kept, f"{when}: .prev is no whole document")


def names_beside(path: Path) -> set[str]:
    """What is in the folder."""
    return {entry.name for entry in path.parent.iterdir()} if path.parent.exists() else set()


def check_tidy(path: Path, when: str, others: AbstractSet[str] = frozenset()) -> None:
    """No temporary file is left, but for `others`, which were there before."""
    names = names_beside(path)
    allowed = {path.name, previous_path(path).name, f".{path.name}.lock"} | others
    require(names <= allowed, f"{when}: left behind: {sorted(names - allowed)}")


def publish_new(path: Path, data: bytes, files: FileSystem | None = None) -> Callable[[], int]:
    """What the child does; its exit code tells how it ended."""

    def action() -> int:
        try:
            writers["tested"](path, data, files=files or FileSystem())
        except DataRefused as refusal:
            complete = refusal.where == str(path) and refusal.hint and refusal.what
            require(bool(complete), "a refusal says what, where and what to do")
            return IN_PLACE if "is in place" in refusal.what else UNCHANGED
        except MemoryError:
            return NO_MEMORY
        return PUBLISHED

    return action


def write_in_place(path: Path, data: bytes, files: FileSystem) -> None:
    """How not to do it: the control."""
    path.parent.mkdir(exist_ok=True)
    descriptor = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    files.write(descriptor, memoryview(data))
    files.close(descriptor)


writers: dict[str, Callable[..., None]] = {"tested": publish}


def kill_by_ptrace(path: Path, data: bytes, point: int) -> bool:
    """Kill a writer at its `point`th stop; False when it ended before."""
    child = tracer.Child(publish_new(path, data))
    for _ in range(point + 1):
        if not child.next_stop():
            require(child.run_on() == PUBLISHED, "an undisturbed writer failed")
            return False
    child.kill()
    require(child.was_killed(), "the writer outlived SIGKILL")
    return True


def kill_by_layer(path: Path, data: bytes, point: int) -> bool:
    """As `kill_by_ptrace`, the points being the edges of the operations."""
    edges = itertools.count()

    def edge() -> None:
        if next(edges) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    status = run_forked(publish_new(path, data, watched(edge, edge)))
    if os.WIFSIGNALED(status):
        require(os.WTERMSIG(status) == signal.SIGKILL, "the writer died of something else")
        return True
    require(os.waitstatus_to_exitcode(status) == PUBLISHED, "an undisturbed writer failed")
    return False


def run_forked(action: Callable[[], int]) -> int:
    """Run it in a child; the child's status."""
    pid = os.fork()
    if pid == 0:
        end = 99
        try:
            end = action()
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(end)
    return os.waitpid(pid, 0)[1]


def watched(before: Callable[[], None], after: Callable[[], None]) -> FileSystem:
    """A file system that calls `before` and `after` around each operation."""

    def wrapped(operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: object, **options: object) -> object:
            before()
            result = operation(*arguments, **options)
            after()
            return result

        return run

    system = FileSystem()
    names = [field.name for field in structs.fields(FileSystem)]
    return FileSystem(**{name: wrapped(getattr(system, name)) for name in names})


def observe(path: Path) -> int:
    """Read at every stop of a living writer; how often."""
    reads = 0
    for scenario in SCENARIOS:
        prepare(path, scenario)
        before, kept = found(path), found(previous_path(path))
        child = tracer.Child(publish_new(path, NEW))
        while child.next_stop():
            check_whole(
                path, {before, NEW}, {kept, before}, f"{scenario.__name__}, beside a writer"
            )
            reads += 1
        require(child.run_on() == PUBLISHED, "an undisturbed writer failed")
    return reads


def kill_everywhere(path: Path, kill: Callable[[Path, bytes, int], bool], every: int) -> int:
    """Kill at every `every`th point of each scenario, read, and publish after it; how often."""
    kills = 0
    for turn, scenario in enumerate(SCENARIOS):
        for point in itertools.count(turn % every, every):
            prepare(path, scenario)
            before, kept = found(path), found(previous_path(path))
            when = f"{scenario.__name__}, killed at {point}"
            if not kill(path, NEW, point):
                break
            kills += 1
            check_whole(path, {before, NEW}, {kept, before}, when)
            survivor = found(path)
            publish(path, NEXT)
            check_whole(path, {NEXT}, {survivor} if survivor else {kept}, f"{when}, then published")
            check_tidy(path, when)
        require(
            found(path) == NEW, f"{scenario.__name__}: the undisturbed writer published nothing"
        )
    return kills


def kill_in_a_chain(
    path: Path, kill: Callable[[Path, bytes, int], bool], length: int, seed: int
) -> int:
    """Kill writer after writer at random points, in one folder that nobody tidies; how often."""
    chance = random.Random(seed)
    prepare(path, one_there)
    survivor: bytes | None = OLD
    known = {OLD, None}
    kills = 0
    for number in range(length):
        data = f"{number}: ".encode() + chance.randbytes(chance.choice((10, 4000, 70000)))
        known.add(data)
        kills += kill(path, data, chance.randrange(110))
        check_whole(path, {survivor, data}, known, f"writer {number}")
        survivor = found(path)
    publish(path, NEW)
    check_whole(path, {NEW}, {survivor}, "after the chain")
    check_tidy(path, "after the chain")
    return kills


def fail_by_ptrace(path: Path, call: int, number: int) -> tuple[int, int] | None:
    """Let the `call`th system call of a writer fail: how it ended, and what was failed. None when it made fewer.

    Its last call, exit_group, cannot fail, so a writer that reaches it is through.
    """
    child = tracer.Child(publish_new(path, NEW))
    for _ in range(2 * call + 1):
        if not child.next_stop():
            return None
    if child.next_call() == tracer.EXIT:
        child.run_on()
        return None
    failed = child.fail_this_call(number)
    return child.run_on(), failed


def fail_by_layer(path: Path, call: int, number: int) -> tuple[int, int] | None:
    """As `fail_by_ptrace`, with the `call`th operation."""
    calls = itertools.count()

    def fail() -> None:
        if next(calls) == call:
            raise OSError(number, os.strerror(number))

    reached = os.pipe()
    action = publish_new(path, NEW, watched(fail, lambda: None))

    def action_that_tells() -> int:
        end = action()
        os.write(reached[1], b"x" if next(calls) > call else b".")
        return end

    end = os.waitstatus_to_exitcode(run_forked(action_that_tells))
    was_reached = os.read(reached[0], 1) == b"x"
    os.close(reached[0])
    os.close(reached[1])
    return (end, -1) if was_reached else None


def fail_everywhere(
    path: Path, fail: Callable[[Path, int, int], tuple[int, int] | None], every: int
) -> dict[str, int]:
    """Let each call fail with each error, read, and see that the writer told the truth; how often it ended how."""
    ends = dict.fromkeys(("published", "unchanged", "in place", "no memory"), 0)
    for turn, (scenario, number) in enumerate(itertools.product(SCENARIOS, ERRORS)):
        for call in itertools.count(turn % every, every):
            prepare(path, scenario)
            before, kept, others = found(path), found(previous_path(path)), names_beside(path)
            when = f"{scenario.__name__}, call {call} fails with {errno.errorcode[number]}"
            answer = fail(path, call, number)
            if answer is None:
                break
            end, failed = answer
            check_whole(path, {before, NEW}, {kept, before}, when)
            if end in (PUBLISHED, IN_PLACE, UNCHANGED):
                check_tidy(path, when, others)
            ends[judge(path, end, before, failed, when)] += 1
    return ends


def judge(path: Path, end: int, before: bytes | None, failed: int, when: str) -> str:
    """Whether the exit code tells what happened to the document."""
    if end in (PUBLISHED, IN_PLACE):
        require(found(path) == NEW, f"{when}: it said that it had published")
        return "published" if end == PUBLISHED else "in place"
    if end == UNCHANGED:
        require(found(path) == before, f"{when}: it said that nothing was changed")
        return "unchanged"
    require(failed in tracer.MEMORY_CALLS, f"{when} (number {failed}): the writer ended with {end}")
    return "no memory"


def main(arguments: list[str]) -> None:
    """Run the part that the arguments name."""
    folder, part = Path(arguments[0]), arguments[1]
    path = folder / "positions" / "live_acme.json"
    prepare(path, two_there)
    publish(path, NEW)
    gc.freeze()
    by_ptrace = arguments[2] == "ptrace" and tracer.permitted()
    if part == "control":
        writers["tested"] = write_in_place
        kill_everywhere(path, kill_by_ptrace if by_ptrace else kill_by_layer, 1)
    if part == "errors":
        by_ptrace = by_ptrace and tracer.CAN_FAIL_CALLS
        fail = fail_by_ptrace if by_ptrace else fail_by_layer
        ends = fail_everywhere(path, fail, int(arguments[3]))
        json.dump({"engine": "ptrace" if by_ptrace else "layer", **ends}, sys.stdout)
        return
    seed, every, chain = map(int, arguments[3:])
    kill = kill_by_ptrace if by_ptrace else kill_by_layer
    result = {
        "engine": "ptrace" if by_ptrace else "layer",
        "everywhere": kill_everywhere(path, kill, every),
        "chain": kill_in_a_chain(path, kill, chain, seed),
        "reads": observe(path) if by_ptrace else 0,
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
