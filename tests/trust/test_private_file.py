"""A secret's file is read when it is this user's alone, and written so that it always was."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
import time

import pytest

from variance_bridge.errors import ConfigurationError
from variance_bridge.storage.filesystem import FileSystem
from variance_bridge.storage.private_files import (
    exclusive_lock,
    inspect_private,
    make_private_folder,
    read_private,
    write_private,
)

TITLE = "the test file"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"canary")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_this_user_alone_is_read(file, mode: int) -> None:
    file.chmod(mode)
    assert read_private(file, TITLE) == b"canary"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o602, 0o620, 0o601, 0o666])
def test_a_file_that_others_can_touch_is_refused(file, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match="by other users") as caught:
        read_private(file, TITLE)
    assert "chmod 600" in str(caught.value.hint)
    assert "canary" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_file_of_another_user_is_refused(file, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    files = FileSystem(status=lambda handle: _owned_by(handle, 4711))
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        read_private(file, TITLE, files=files)


def _owned_by(handle: int, user: int) -> os.stat_result:
    values = list(os.stat(handle))
    values[stat.ST_UID] = user
    return os.stat_result(values)


def test_a_link_is_judged_by_what_it_leads_to(file, tmp_path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert read_private(link, TITLE) == b"canary"
    file.chmod(0o644)
    with pytest.raises(ConfigurationError):
        read_private(link, TITLE)


def test_what_is_not_a_file_is_refused_without_waiting(tmp_path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (pipe, tmp_path):
        with pytest.raises(ConfigurationError, match="not a regular file"):
            read_private(path, TITLE)  # opening a pipe that nobody writes to would wait for ever


def test_a_file_that_is_too_long_is_refused(file) -> None:
    file.write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(ConfigurationError, match="larger than 1 MiB"):
        read_private(file, TITLE)


def test_no_file_is_distinguished_from_a_file_that_cannot_be_opened(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "none", TITLE)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ConfigurationError, match="cannot be read: there is a symbolic link"):
        read_private(loop, TITLE)


def test_an_open_file_can_be_looked_at_with_the_reason_not_to_trust_it(file) -> None:
    file.chmod(0o644)
    data, problem = inspect_private(file, TITLE)
    assert data == b"canary"
    assert isinstance(problem, ConfigurationError)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_file_is_written_for_this_user_alone_whatever_the_umask(tmp_path, umask: int) -> None:
    path = tmp_path / "new" / "folder" / "secret"
    before = os.umask(umask)
    try:
        assert write_private(path, b"one", TITLE, replace=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
    assert [one.name for one in path.parent.iterdir()] == ["secret"]


def test_a_file_that_is_there_is_kept_or_replaced_as_asked(file) -> None:
    assert not write_private(file, b"other", TITLE, replace=False)
    assert file.read_bytes() == b"canary"
    assert write_private(file, b"other", TITLE, replace=True)
    assert file.read_bytes() == b"other"
    assert [one.name for one in file.parent.iterdir()] == ["secret"]


def test_a_file_system_without_hard_links_will_do(tmp_path) -> None:
    def none(*_args: object, **_kwargs: object) -> None:
        raise OSError(95, "Operation not supported")

    files = FileSystem(link=none)
    path = tmp_path / "secret"
    assert write_private(path, b"one", TITLE, replace=False, files=files)
    assert not write_private(path, b"two", TITLE, replace=False, files=files)
    assert path.read_bytes() == b"one"
    assert [one.name for one in tmp_path.iterdir()] == ["secret"]


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(file, tmp_path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert write_private(link, b"other", TITLE, replace=True)
    assert file.read_bytes() == b"canary"
    assert not link.is_symlink()


def test_a_failure_to_write_leaves_the_old_file_and_nothing_else(file) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ConfigurationError, match="cannot be written: the disk is full"):
        write_private(file, b"other", TITLE, replace=True, files=FileSystem(flush=full))
    assert file.read_bytes() == b"canary"
    assert [one.name for one in file.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_in_which_others_can_write_is_refused(tmp_path, mode: int) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ConfigurationError, match="other users can write"):
        make_private_folder(folder)
    with pytest.raises(ConfigurationError):
        write_private(folder / "secret", b"x", TITLE, replace=True)


def test_a_folder_that_cannot_be_made_is_explained(file) -> None:
    with pytest.raises(ConfigurationError, match="a part of the path is not a folder"):
        write_private(file / "below" / "secret", b"x", TITLE, replace=True)
    with pytest.raises(ConfigurationError, match="cannot be used"), exclusive_lock(file / "below"):
        pytest.fail("the lock was held")


def test_one_at_a_time(tmp_path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with exclusive_lock(tmp_path / "folder"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.005)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 6


def test_a_file_system_that_cannot_lock_stops_nothing(tmp_path, monkeypatch) -> None:
    def none(*_args: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with exclusive_lock(tmp_path / "folder"):
        assert (tmp_path / "folder").is_dir()
