"""Two syncs at once: one wins, the other exits 8; nothing outlives its holder."""

import errno
import os
import signal
import stat
import subprocess
import sys
from types import SimpleNamespace

import pytest

from variance_bridge.errors import DataRefused, SyncRunning
from variance_bridge.storage.filesystem import FileSystem
from variance_bridge.storage.lock import openness, output_lock
from variance_bridge.storage.read import read_published
from variance_bridge.storage.replace import publish

OLD, NEW = b'{"old": 1}\n', b'{"new": 1}\n'

HOLDER = """
import sys
from pathlib import Path
from variance_bridge.storage.lock import output_lock
with output_lock(Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "positions"
    folder.mkdir(mode=0o700)
    return folder / "live_acme.json"


@pytest.fixture
def holder(path):
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_sync_exits_8_at_once_and_changes_nothing(path, holder):
    path.write_bytes(OLD)
    waits = []
    with pytest.raises(SyncRunning) as refusal, output_lock(path, sleep=waits.append):
        raise AssertionError("two hold one lock")
    with pytest.raises(SyncRunning):
        publish(path, NEW)
    assert refusal.value.exit_code == 8
    assert "changed nothing" in refusal.value.what
    assert refusal.value.where == str(path)
    assert refusal.value.hint
    assert waits == []
    assert read_published(path).data == OLD


def test_another_document_in_the_folder_is_not_locked(path, holder):
    other = path.with_name("live_other.json")
    publish(other, NEW)
    assert read_published(other).data == NEW


def test_a_killed_holder_holds_nothing(path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    publish(path, NEW)
    assert read_published(path).data == NEW


def test_a_child_that_the_holder_started_does_not_keep_the_lock(path):
    with output_lock(path) as lock:
        copy = os.dup(lock.descriptor)
    publish(path, NEW)
    os.close(copy)
    assert read_published(path).data == NEW


def test_a_lock_that_is_released_while_somebody_waits_is_taken(path, holder):
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            holder.communicate()

    with output_lock(path, wait=10, sleep=sleep) as lock:
        publish(path, NEW, lock=lock)
    assert len(waits) == 3


def test_waiting_ends_after_the_time_that_was_given(path, holder):
    waits = []
    with (
        pytest.raises(SyncRunning),
        output_lock(path, wait=1.5, sleep=waits.append),
    ):
        raise AssertionError("two hold one lock")
    assert sum(waits) == pytest.approx(1.5)


def test_the_same_process_cannot_take_the_lock_twice(path):
    with output_lock(path), pytest.raises(SyncRunning), output_lock(path):
        raise AssertionError("two hold one lock")
    with output_lock(path):
        pass


def test_an_error_inside_the_block_passes_through_and_releases_the_lock(path):
    with pytest.raises(PermissionError, match="from the sync"), output_lock(path):
        raise PermissionError(errno.EACCES, "from the sync")
    with output_lock(path):
        pass


def test_the_folder_is_made_before_anything_is_fetched(tmp_path):
    path = tmp_path / "new" / "positions" / "live_acme.json"
    with output_lock(path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_fetched(tmp_path, number):
    def refuse(*arguments, **options):
        raise OSError(number, "injected")

    path = tmp_path / "positions" / "live_acme.json"
    with (
        pytest.raises(DataRefused, match="was not changed"),
        output_lock(path, files=FileSystem(make_folder=refuse)),
    ):
        raise AssertionError("the folder was not made")


@pytest.mark.parametrize("name", ["live_acme.json", "live_acme.json.prev"])
def test_an_obstacle_is_refused_before_anything_is_fetched(path, name):
    path.with_name(name).mkdir()
    with pytest.raises(DataRefused, match="not a regular file"), output_lock(path):
        raise AssertionError("the sync began")


def test_a_folder_that_somebody_else_makes_at_the_same_moment_is_used(tmp_path):
    def make_late(folder, mode):
        folder.mkdir(mode)
        raise FileExistsError(errno.EEXIST, "injected")

    path = tmp_path / "positions" / "live_acme.json"
    publish(path, NEW, files=FileSystem(make_folder=make_late))
    assert read_published(path).data == NEW


def test_a_lock_file_that_vanishes_between_opening_and_locking_is_made_again(path):
    taken = []

    def lock(descriptor, operation):
        if not taken:
            path.with_name(".live_acme.json.lock").unlink()
        taken.append(descriptor)
        fcntl_flock(descriptor, operation)

    fcntl_flock = FileSystem().lock
    with output_lock(path, files=FileSystem(lock=lock)):
        assert len(taken) == 2
        with pytest.raises(SyncRunning), output_lock(path):
            raise AssertionError("two hold one lock")


def test_a_lock_file_that_is_removed_during_the_sync_stops_it(path):
    publish(path, OLD)
    with output_lock(path) as lock:
        path.with_name(".live_acme.json.lock").unlink()
        with pytest.raises(DataRefused, match="lock file was removed"):
            publish(path, NEW, lock=lock)
    assert read_published(path).data == OLD


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_is_moved_away_during_the_sync_stops_it(path, replaced):
    publish(path, OLD)
    moved = path.parent.with_name("moved")
    with output_lock(path) as lock:
        path.parent.rename(moved)
        if replaced:
            path.parent.mkdir(mode=0o700)
        with pytest.raises(DataRefused, match="folder was moved away"):
            publish(path, NEW, lock=lock)
    assert read_published(moved / path.name).data == OLD
    assert not path.exists()


@pytest.mark.parametrize(
    ("mode", "owner", "user", "caution"),
    [
        (0o40700, 1000, 1000, None),
        (0o40750, 1000, 1000, "other users can see"),
        (0o40755, 0, 1000, "other users can see"),
        (0o41777, 0, 1000, "other users can see"),
        (0o40770, 1000, 1000, "group can replace files"),
        (0o41770, 1000, 1000, "other users can see"),
        (0o40700, 1001, 1000, "belongs to another user"),
        (0o40700, 1001, 0, None),
        (0o40700, 0, 1000, None),
    ],
)
def test_what_others_can_do_in_a_folder(mode, owner, user, caution):
    found = openness(SimpleNamespace(st_mode=mode, st_uid=owner), user)
    assert found is None if caution is None else caution in found


def test_the_lock_is_not_inherited_over_exec(path):
    with output_lock(path) as lock:
        assert not os.get_inheritable(lock.descriptor)
        assert not os.get_inheritable(lock.folder)
