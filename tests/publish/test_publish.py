"""Writing and reading one document: what stands where afterwards, what is refused, and in which words."""

import errno
import fcntl
import itertools
import os
import resource
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from variance_bridge.document import exact_json
from variance_bridge.errors import DataRefused, SyncRunning
from variance_bridge.storage import filesystem as file_system
from variance_bridge.storage.filesystem import FileSystem
from variance_bridge.storage.read import MAX_DOCUMENT_BYTES, read_published
from variance_bridge.storage.replace import output_lock, previous_path, publish

OLDER, OLD, NEW = b'{"older": 1}\n', b'{"old": 1}\n', b'{"new": 1}\n'


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "positions"
    folder.mkdir(mode=0o700)
    return folder / "live_acme.json"


def names(folder):
    return {entry.name for entry in folder.iterdir()}


def lock_of_an_earlier_writer(path):
    """What every writer of a document leaves, killed or not."""
    path.with_name(f".{path.name}.lock").touch(mode=0o600)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def open_descriptors():
    return len(list(Path("/dev/fd").iterdir()))


def test_a_published_document_reads_back_as_it_was(path):
    publish(path, NEW)
    assert read_published(path).data == NEW
    assert names(path.parent) == {"live_acme.json", ".live_acme.json.lock"}


def test_the_document_before_is_kept(path):
    for data in (OLDER, OLD, NEW):
        publish(path, data)
    assert read_published(path).data == NEW
    assert read_published(previous_path(path)).data == OLD
    assert previous_path(path).name == "live_acme.json.prev"


def test_the_same_document_again_does_not_displace_the_one_before(path):
    for data in (OLD, NEW, NEW, NEW):
        publish(path, data)
    assert read_published(path).data == NEW
    assert read_published(previous_path(path)).data == OLD
    assert names(path.parent) == {path.name, previous_path(path).name, f".{path.name}.lock"}


def test_a_document_that_is_known_to_be_bad_does_not_displace_the_last_good_one(path):
    publish(path, OLDER)
    publish(path, OLD)
    path.write_bytes(b"half a docu")
    publish(path, NEW, keep_previous=False)
    assert read_published(path).data == NEW
    assert read_published(previous_path(path)).data == OLDER


def test_an_empty_file_does_not_displace_the_last_good_one(path):
    publish(path, OLDER)
    publish(path, OLD)
    path.write_bytes(b"")
    publish(path, NEW)
    assert read_published(previous_path(path)).data == OLDER


def test_a_reader_with_the_old_document_open_reads_it_to_its_end(path):
    publish(path, OLD)
    with path.open("rb") as reader:
        first = reader.read(3)
        publish(path, NEW)
        assert first + reader.read() == OLD


def test_the_kept_document_shares_nothing_with_the_one_it_was_copied_from(path):
    publish(path, OLD)
    before = path.stat().st_ino
    publish(path, NEW)
    assert previous_path(path).stat().st_ino != before


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o377])
def test_files_are_0600_in_a_0700_folder_whatever_the_umask(tmp_path, umask):
    path = tmp_path / "deep" / "positions" / "live_acme.json"
    before = os.umask(umask if umask != 0o377 else 0)
    try:
        publish(path, OLD)
        os.umask(umask)
        publish(path, NEW)
    finally:
        os.umask(before)
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    assert mode(path) == mode(previous_path(path)) == 0o600
    assert mode(path.with_name(".live_acme.json.lock")) == 0o600


def test_a_document_that_others_could_read_is_replaced_and_kept_private(path):
    path.write_bytes(OLD)
    path.chmod(0o644)
    publish(path, NEW)
    assert mode(path) == mode(previous_path(path)) == 0o600


def test_a_folder_that_exists_keeps_its_mode_and_what_others_can_replace_is_a_warning(path):
    path.parent.chmod(0o770)
    told = []
    publish(path, NEW, warn=told.append)
    assert mode(path.parent) == 0o770
    assert len(told) == 1
    assert "the folder's group can replace files in it" in told[0]


def test_an_ordinary_folder_that_others_can_list_is_not_worth_a_word(path):
    path.parent.chmod(0o755)
    told = []
    publish(path, NEW, warn=told.append)
    assert (mode(path.parent), told) == (0o755, [])


def test_a_private_folder_is_not_worth_a_word(path):
    told = []
    publish(path, NEW, warn=told.append)
    assert told == []


def test_a_folder_in_which_anybody_can_replace_files_is_refused(path):
    path.parent.chmod(0o777)
    with pytest.raises(DataRefused, match="anybody can replace files") as refusal:
        publish(path, NEW)
    assert "chmod 700" in refusal.value.hint
    assert not path.exists()


def test_a_shared_folder_with_the_sticky_bit_is_accepted(path):
    path.parent.chmod(0o1777)
    publish(path, NEW)
    assert read_published(path).data == NEW


def test_a_file_system_without_modes_is_reported(path):
    def open_to_all(name, flags, mode=0o777, **options):
        return os.open(name, flags, 0o644, **options)

    told = []
    files = FileSystem(open=open_to_all, change_mode=refuse(errno.EPERM))
    publish(path, NEW, warn=told.append, files=files)
    assert told == [f"the file system of {path.parent} cannot keep files from other users"]


def test_a_relative_path_is_taken_from_the_working_folder(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    publish(Path("live_acme.json"), NEW)
    assert read_published(path).data == NEW


def make_link(place):
    place.with_name("elsewhere").write_bytes(OLD)
    place.symlink_to("elsewhere")


def make_socket(place):
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(place.parent)
        try:
            listener.bind(place.name)
        finally:
            os.chdir(here)


OBSTACLES = {
    "a symbolic link": make_link,
    "a link to nothing": lambda place: place.symlink_to("nowhere"),
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": make_socket,
}


@pytest.mark.parametrize("where", ["live_acme.json", "live_acme.json.prev", ".live_acme.json.lock"])
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_is_no_plain_file_is_refused_and_left_alone(path, where, obstacle):
    if where != path.name:
        path.write_bytes(OLD)
    place = path.with_name(where)
    OBSTACLES[obstacle](place)
    before = place.lstat()
    with pytest.raises(DataRefused) as refusal:
        publish(path, NEW)
    assert refusal.value.exit_code == 6
    assert refusal.value.where == str(path)
    assert "the positions file was not changed" in refusal.value.what
    assert refusal.value.hint
    assert os.path.samestat(place.lstat(), before)
    assert (
        path.with_name("elsewhere").read_bytes() == OLD if obstacle == "a symbolic link" else True
    )
    assert not any(name.endswith(".tmp") for name in names(path.parent))


@pytest.mark.parametrize("plant", [Path.symlink_to, Path.hardlink_to])
def test_a_planted_link_in_the_name_of_a_temporary_file_is_not_written_through(
    path, monkeypatch, plant
):
    victim = path.with_name("victim")
    victim.write_bytes(b"precious")
    monkeypatch.setattr("os.urandom", bytes)
    planted = path.with_name(".live_acme.json.0000000000000000.tmp")
    plant(planted, victim)
    with pytest.raises(DataRefused):
        publish(path, NEW)
    publish(path, NEW)
    assert victim.read_bytes() == b"precious"
    assert read_published(path).data == NEW

    def plant_late(descriptor):
        listed = FileSystem().names(descriptor)
        plant(planted, victim)
        return listed

    with pytest.raises(DataRefused):
        publish(path, OLD, files=FileSystem(names=plant_late))
    assert victim.read_bytes() == b"precious"
    assert read_published(path).data == NEW


def test_a_link_of_the_user_to_the_folder_is_followed(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path.parent)
    publish(link / path.name, NEW)
    assert read_published(path).data == NEW


def test_a_link_of_another_user_to_the_folder_is_refused(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path.parent)

    def owned_by_another(place, **options):
        status = FileSystem().status_of(place, **options)
        changed = list(status)
        changed[4] = os.geteuid() + 1
        return os.stat_result(changed)

    with pytest.raises(DataRefused, match="symbolic link that another user made"):
        publish(link / path.name, NEW, files=FileSystem(status_of=owned_by_another))
    assert not path.exists()


@pytest.mark.parametrize("name", ["..", "a\0b", "n" * 256, "n" * 240])
def test_a_name_that_no_file_can_have_is_refused_with_an_explanation(path, name):
    with pytest.raises(DataRefused) as refusal:
        publish(path.parent / name, NEW)
    assert refusal.value.hint
    assert not any(entry.endswith(".tmp") for entry in names(path.parent))


def test_a_file_in_the_place_of_the_folder_is_refused_with_an_explanation(path):
    path.write_bytes(OLD)
    with pytest.raises(DataRefused, match="is not a folder"):
        publish(path / "live_acme.json", NEW)


def test_what_can_be_written_can_be_read():
    assert MAX_DOCUMENT_BYTES == exact_json.MAX_BYTES


@pytest.mark.parametrize("data", [b"", bytes(1025)], ids=["empty", "huge"])
def test_bytes_that_no_reader_would_accept_are_not_written(path, data, monkeypatch):
    monkeypatch.setattr("variance_bridge.storage.replace.MAX_DOCUMENT_BYTES", 1024)
    publish(path, OLD)
    with pytest.raises(DataRefused, match="cannot be right"):
        publish(path, data)
    assert read_published(path).data == OLD


def test_a_document_in_pieces_is_published_as_a_whole(path):
    publish(path, iter((NEW[:5], b"", NEW[5:])))
    assert read_published(path).data == NEW


def test_a_document_whose_last_piece_cannot_be_made_is_not_published(path):
    def pieces():
        yield NEW[:5]
        raise DataRefused("the JSON text is too long")

    publish(path, OLD)
    with pytest.raises(DataRefused, match="too long"):
        publish(path, pieces())
    assert read_published(path).data == OLD
    assert not [name for name in names(path.parent) if name.endswith(".tmp")]


def test_leftovers_of_killed_writers_are_swept_and_nothing_else(path):
    leftover = path.with_name(".live_acme.json.0123456789abcdef.tmp")
    others = [
        path.with_name(".live_other.json.0123456789abcdef.tmp"),
        path.with_name(".live_acme.json.notes.tmp"),
        path.with_name(".live_acme.json.0123456789abcdef.tmp.notes"),
        path.with_name("live_acme.json.0123456789abcdef.tmp"),
        path.with_name(".live_acmeXjson.0123456789abcdef.tmp"),
    ]
    lock_of_an_earlier_writer(path)
    for place in (leftover, *others):
        place.write_bytes(b"half")
    publish(path, NEW)
    assert not leftover.exists()
    assert all(place.read_bytes() == b"half" for place in others)


def test_a_first_document_does_not_list_its_folder_which_may_hold_thousands(path):
    listed = []

    def counted(descriptor):
        listed.append(descriptor)
        return FileSystem().names(descriptor)

    publish(path, OLD, files=FileSystem(names=counted))
    assert not listed
    publish(path, NEW, files=FileSystem(names=counted))
    assert len(listed) == 1


def test_a_write_that_takes_one_byte_at_a_time_is_finished(path):
    publish(
        path, NEW, files=FileSystem(write=lambda descriptor, data: os.write(descriptor, data[:1]))
    )
    assert read_published(path).data == NEW


def test_a_write_that_takes_nothing_ends_with_an_explanation(path):
    publish(path, OLD)
    with pytest.raises(DataRefused, match="the disk reports a fault"):
        publish(path, NEW, files=FileSystem(write=lambda descriptor, data: 0))
    assert read_published(path).data == OLD


@pytest.mark.parametrize("pieces", [1, 2, len(NEW) - 1, len(NEW)])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"X" + data[1:],
        lambda data: data[:-1] + b"X",
    ],
)
def test_what_does_not_read_back_is_not_published(path, spoil, pieces, monkeypatch):
    """Wherever the pieces end in which it is read back."""
    publish(path, OLD)
    monkeypatch.setattr(file_system, "_CHUNK", pieces)

    def write(descriptor, data):
        os.write(descriptor, spoil(bytes(data)))
        return len(data)

    with pytest.raises(DataRefused, match="does not read back"):
        publish(path, NEW, files=FileSystem(write=write))
    assert read_published(path).data == OLD
    assert names(path.parent) == {"live_acme.json", ".live_acme.json.lock"}


def refuse(number):
    def operation(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return operation


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_cannot_flush_is_accepted(path, number):
    publish(path, NEW, files=FileSystem(flush=refuse(number)))
    assert read_published(path).data == NEW


WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota of the disk is used up",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk reports a fault",
    errno.EMFILE: "this process has too many files open",
    errno.ENFILE: "the machine has too many files open",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENOLCK: "this file system cannot lock files",
    errno.ESTALE: os.strerror(errno.ESTALE),
}


@pytest.mark.parametrize("number", WORDS, ids=lambda number: errno.errorcode[number])
def test_a_fault_is_explained_and_leaves_the_last_good_file(path, number):
    publish(path, OLDER)
    publish(path, OLD)
    with pytest.raises(DataRefused) as refusal:
        publish(path, NEW, files=FileSystem(rename=refuse(number)))
    assert refusal.value.what == f"{WORDS[number]}; the positions file was not changed"
    assert refusal.value.where == str(path)
    assert refusal.value.hint
    assert read_published(path).data == OLD
    assert read_published(previous_path(path)).data == OLDER
    assert not any(name.endswith(".tmp") for name in names(path.parent))


def test_a_fault_after_the_rename_says_that_the_new_document_is_in_place(path):
    publish(path, OLD)

    def flush(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "injected")

    with pytest.raises(DataRefused, match="the new document is in place"):
        publish(path, NEW, files=FileSystem(flush=flush))
    assert read_published(path).data == NEW


def operations():
    return [field.name for field in structs.fields(FileSystem)]


def interrupted(call, *, late):
    """A file system whose `call`th operation is interrupted by Ctrl-C, before or after its work."""
    calls = itertools.count()

    def wrapped(name):
        operation = getattr(FileSystem(), name)

        def run(*arguments, **options):
            here = next(calls) == call
            if here and not late and name != "close":
                raise KeyboardInterrupt
            result = operation(*arguments, **options)
            if here:
                if name == "open":
                    os.close(result)
                raise KeyboardInterrupt
            return result

        return run

    return calls, FileSystem(**{name: wrapped(name) for name in operations()})


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_ctrl_c_at_any_moment_leaves_nothing_half_written_open_or_locked(path, late):
    for call in itertools.count():
        path.write_bytes(OLD)
        previous_path(path).write_bytes(OLDER)
        descriptors = open_descriptors()
        calls, files = interrupted(call, late=late)
        try:
            publish(path, NEW, files=files)
        except KeyboardInterrupt:
            assert read_published(path).data in (OLD, NEW)
            assert read_published(previous_path(path)).data in (OLDER, OLD)
        assert open_descriptors() == descriptors
        assert not any(name.endswith(".tmp") for name in names(path.parent))
        with output_lock(path):
            pass
        if next(calls) <= call:
            break
    assert call > 35
    assert read_published(path).data == NEW


def run_limited(path, limit, value):
    """Publish in a child whose operating system really refuses."""
    program = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from variance_bridge.errors import DataRefused\n"
        "from variance_bridge.storage.replace import publish\n"
        "resource.setrlimit(int(sys.argv[2]), (int(sys.argv[3]),) * 2)\n"
        "try:\n    publish(Path(sys.argv[1]), b'n' * 5000)\n"
        "except DataRefused as refusal:\n    sys.stdout.write(refusal.what)\n"
    )
    command = [sys.executable, "-c", program, str(path), str(limit), str(value)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_real_limit_on_the_size_of_files_is_reported(path):
    publish(path, OLD)
    assert "File too large" in run_limited(path, resource.RLIMIT_FSIZE, 4096)
    assert read_published(path).data == OLD
    assert names(path.parent) == {"live_acme.json", ".live_acme.json.lock"}


def test_a_real_limit_on_open_files_is_reported(path):
    publish(path, OLD)
    assert "too many files open" in run_limited(path, resource.RLIMIT_NOFILE, 5)
    assert read_published(path).data == OLD


def test_an_old_document_that_cannot_be_read_is_not_thrown_away(path):
    publish(path, OLD)
    with path.open("r+b") as large:
        large.truncate(MAX_DOCUMENT_BYTES + 1)
    with pytest.raises(DataRefused, match="larger than"):
        publish(path, NEW)
    assert path.stat().st_size == MAX_DOCUMENT_BYTES + 1


def test_reading_says_when_there_is_nothing(path):
    with pytest.raises(FileNotFoundError):
        read_published(path)
    with pytest.raises(FileNotFoundError):
        read_published(path.parent / "nowhere" / "live_acme.json")


def test_reading_follows_a_link_to_a_document(path):
    publish(path, NEW)
    link = path.with_name("link.json")
    link.symlink_to(path.name)
    assert read_published(link).data == NEW


@pytest.mark.parametrize("obstacle", ["a folder", "a pipe"])
def test_reading_refuses_what_is_no_plain_file_at_once(path, obstacle):
    OBSTACLES[obstacle](path)
    with pytest.raises(DataRefused, match=f"not a regular file, but {obstacle}"):
        read_published(path)


def test_reading_refuses_a_device():
    with pytest.raises(DataRefused, match="not a regular file"):
        read_published(Path("/dev/zero"))


def test_reading_stops_at_the_cap(path):
    path.write_bytes(bytes(101))
    with pytest.raises(DataRefused, match="larger than 100 bytes"):
        read_published(path, max_bytes=100)
    assert read_published(path, max_bytes=101).data == bytes(101)


@pytest.mark.parametrize(
    ("more", "later"),
    [(b"more", 1), (b"more", 0), (b"", 1)],
    ids=["grown", "grown within one tick of the clock", "written over"],
)
def test_reading_refuses_a_file_that_another_program_is_writing_into(path, more, later):
    path.write_bytes(OLD)
    written = path.stat().st_mtime_ns

    def read(descriptor, size):
        with path.open("ab") as other:
            other.write(more)
        os.utime(path, ns=(written, written + later))
        return os.read(descriptor, size)

    with pytest.raises(DataRefused, match="another program is changing the positions file"):
        read_published(path, files=FileSystem(read=read))


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EMFILE])
def test_a_fault_while_reading_is_explained(path, number):
    path.write_bytes(OLD)
    for name in ("open", "read", "status"):
        with pytest.raises(DataRefused, match="the positions file cannot be read") as refusal:
            read_published(path, files=FileSystem(**{name: refuse(number)}))
        assert WORDS[number] in refusal.value.what


def test_reading_leaves_no_descriptor_open(path):
    path.write_bytes(OLD)
    descriptors = open_descriptors()
    read_published(path)
    with pytest.raises(DataRefused):
        read_published(path, files=FileSystem(read=refuse(errno.EIO)))
    assert open_descriptors() == descriptors


@pytest.mark.parametrize(
    ("answer", "flushed"),
    [(None, False), (errno.ENOTSUP, True), (errno.EINVAL, True), (errno.ENOTTY, True)],
)
def test_where_the_drive_itself_can_be_flushed_it_is(path, monkeypatch, answer, flushed):
    done = []

    def control(descriptor, request):
        assert request == 51
        if answer is not None:
            raise OSError(answer, "no such thing")

    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", done.append)
    file_system.flush(7)
    assert done == ([7] if flushed else [])


def test_a_fault_of_the_drive_is_not_mistaken_for_a_missing_feature(monkeypatch):
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        file_system.flush(7)


def test_a_lock_of_another_document_is_not_accepted(path):
    with output_lock(path) as lock, pytest.raises(ValueError, match="another document's"):
        publish(path.with_name("other.json"), NEW, lock=lock)
    with pytest.raises(ValueError, match="not held"):
        publish(path, NEW, lock=lock)


def test_publishing_twice_under_one_lock_keeps_the_first_as_the_previous(path):
    with output_lock(path) as lock:
        publish(path, OLD, lock=lock)
        publish(path, NEW, lock=lock)
        with pytest.raises(SyncRunning):
            publish(path, OLDER)
    assert read_published(path).data == NEW
    assert read_published(previous_path(path)).data == OLD
