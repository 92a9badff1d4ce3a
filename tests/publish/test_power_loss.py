"""What a reader may find after a power failure at any moment of a publish.

A layer under `publish` records what is written, flushed and renamed. From the record all the states follow in which POSIX
permits a disk to be after a crash: of what was not flushed, content survives in part, whole, as zeros or not at all, and
changes of a folder survive in any combination, each by itself whole. In every one of them a reader must find the old or
the new document, whole; once `publish` has returned, the new one.
"""

import errno
import itertools
import os
from pathlib import Path

import attrs
import pytest
from msgspec import structs

from variance_bridge.errors import DataRefused
from variance_bridge.storage.filesystem import FileSystem
from variance_bridge.storage.replace import previous_path, publish

OLDER, OLD, NEW = b"older" * 40, b"old" * 50, b"new" * 60


@attrs.define
class Inode:
    """Content that survives for certain, and the states that the content went through since."""

    durable: bytes = b""
    volatile: list[bytes] = attrs.field(factory=list)

    @property
    def now(self):
        return self.volatile[-1] if self.volatile else self.durable

    def after_a_crash(self):
        """Every content that a reader may find."""
        found = {self.durable}
        for content in self.volatile:
            half = content[: len(content) // 2]
            found |= {content, half, bytes(len(content)), half + bytes(len(content) - len(half))}
        return found


@attrs.define
class Disk:
    """The names that survive for certain, and the changes of each folder since, oldest first."""

    durable: dict[Path, Inode] = attrs.field(factory=dict)
    volatile: list[tuple[Path, dict[Path, Inode | None]]] = attrs.field(factory=list)

    @property
    def now(self):
        return applied(self.durable, self.volatile)

    def change(self, folder, names):
        self.volatile.append((folder, names))

    def flush_folder(self, folder):
        here = [change for change in self.volatile if change[0] == folder]
        self.durable = applied(self.durable, here)
        self.volatile = [change for change in self.volatile if change[0] != folder]

    def after_a_crash(self):
        """Every set of names that a reader may find."""
        for size in range(len(self.volatile) + 1):
            for survivors in itertools.combinations(self.volatile, size):
                yield applied(self.durable, survivors)


def applied(names, changes):
    names = dict(names)
    for _, change in changes:
        names.update(change)
    return {name: inode for name, inode in names.items() if inode is not None}


class RecordingLayer:
    """A file system that works, and keeps a model of the disk beside; `watch` sees the model after each change."""

    def __init__(self, root, watch):
        self.disk = Disk()
        self.opened = {}
        self.watch = watch
        for path in root.rglob("*"):
            self.disk.durable[path] = Inode(path.read_bytes() if path.is_file() else b"")

    def file_system(self):
        return FileSystem(
            open=self.open, write=self.write, flush=self.flush, rename=self.rename,
            remove=self.remove, make_folder=self.make_folder,
        )  # fmt: skip

    def place(self, name, dir_fd):
        return Path(name) if dir_fd is None else self.opened[dir_fd] / name

    def open(self, name, flags, mode=0o777, *, dir_fd=None):
        descriptor = os.open(name, flags, mode, dir_fd=dir_fd)
        path = self.place(name, dir_fd)
        self.opened[descriptor] = path
        if flags & os.O_CREAT and path not in self.disk.now:
            self.disk.change(path.parent, {path: Inode()})
            self.watch(self.disk)
        return descriptor

    def write(self, descriptor, data):
        offset = os.lseek(descriptor, 0, os.SEEK_CUR)
        written = os.write(descriptor, data[: max(1, len(data) // 2)])
        inode = self.disk.now[self.opened[descriptor]]
        content = inode.now
        end = offset + written
        inode.volatile.append(content[:offset] + bytes(data[:written]) + content[end:])
        self.watch(self.disk)
        return written

    def flush(self, descriptor):
        path = self.opened[descriptor]
        if path.is_dir():
            self.disk.flush_folder(path)
        else:
            inode = self.disk.now[path]
            inode.durable, inode.volatile = inode.now, []
        self.watch(self.disk)

    def rename(self, source, target, *, src_dir_fd, dst_dir_fd):
        os.rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        old, new = self.place(source, src_dir_fd), self.place(target, dst_dir_fd)
        self.disk.change(new.parent, {new: self.disk.now[old], old: None})
        self.watch(self.disk)

    def remove(self, name, *, dir_fd):
        os.unlink(name, dir_fd=dir_fd)
        path = self.place(name, dir_fd)
        self.disk.change(path.parent, {path: None})
        self.watch(self.disk)

    def make_folder(self, path, mode):
        path.mkdir(mode)
        self.disk.change(path.parent, {path: Inode()})
        self.watch(self.disk)


class Lost(AssertionError):
    """A reader may find what nobody published."""


class Reader:
    """Looks at the disk in every state that it may be in after a crash; counts them."""

    def __init__(self, path, document, previous):
        self.path = path
        self.allowed = {path: document, previous_path(path): previous}
        self.states = 0

    def __call__(self, disk):
        for names in disk.after_a_crash():
            for path, allowed in self.allowed.items():
                reachable = path in names and path.parent in names
                contents = names[path].after_a_crash() if reachable else {None}
                self.states += len(contents)
                if not contents <= allowed:
                    raise Lost(f"{path.name} may be lost")


def prepared(tmp_path, *documents):
    """A folder with the documents, oldest first; the path and what stands there."""
    path = tmp_path / "positions" / "live_acme.json"
    if documents:
        path.parent.mkdir(mode=0o700)
        path.write_bytes(documents[-1])
    if len(documents) > 1:
        previous_path(path).write_bytes(documents[-2])
    document = documents[-1] if documents else None
    previous = documents[-2] if len(documents) > 1 else None
    return path, document, previous


def publish_on(tmp_path, documents, **sabotage):
    """Publish over the documents on a recorded disk, and look at every state of it; how many there were."""
    path, document, previous = prepared(tmp_path, *documents)
    during = Reader(path, {document, NEW}, {previous, document})
    layer = RecordingLayer(tmp_path, during)
    files = structs.replace(
        layer.file_system(), **{name: make(layer) for name, make in sabotage.items()}
    )
    publish(path, NEW, files=files)
    after = Reader(path, {NEW}, {document})
    after(layer.disk)
    return during.states + after.states


@pytest.mark.parametrize("documents", [(), (OLD,), (OLDER, OLD)], ids=["none", "one", "two"])
def test_a_power_failure_at_any_moment_leaves_a_whole_document(tmp_path, documents):
    assert publish_on(tmp_path, documents) > 100


def no_flush(layer):
    return lambda descriptor: None


def flush_of_folders_only(layer):
    def flush(descriptor):
        if layer.opened[descriptor].is_dir():
            layer.flush(descriptor)

    return flush


def flush_of_files_only(layer):
    def flush(descriptor):
        if not layer.opened[descriptor].is_dir():
            layer.flush(descriptor)

    return flush


def remove_before_rename(layer):
    def rename(source, target, **folders):
        if layer.place(target, folders["dst_dir_fd"]).exists():
            layer.remove(target, dir_fd=folders["dst_dir_fd"])
        layer.rename(source, target, **folders)

    return rename


@pytest.mark.parametrize(
    "sabotage",
    [
        {"flush": no_flush},
        {"flush": flush_of_folders_only},
        {"flush": flush_of_files_only},
        {"rename": remove_before_rename},
    ],
    ids=["no flush", "folders only", "files only", "remove before rename"],
)
def test_a_writer_that_leaves_out_a_step_is_seen_to_lose_the_document(tmp_path, sabotage):
    with pytest.raises(Lost):
        publish_on(tmp_path, (OLDER, OLD), **sabotage)


def fail_at(call):
    """Each changing operation of a layer, of which the `call`th fails."""
    calls = itertools.count()

    def failing(name):
        def make(layer):
            operation = getattr(layer, name)

            def run(*arguments, **options):
                if next(calls) == call:
                    raise OSError(errno.EIO, "injected")
                return operation(*arguments, **options)

            return run

        return make

    return calls, {name: failing(name) for name in ("open", "write", "flush", "rename", "remove")}


def test_a_power_failure_after_any_disk_fault_leaves_a_whole_document(tmp_path):
    for call in itertools.count():
        folder = tmp_path / str(call)
        folder.mkdir()
        path, _, _ = prepared(folder, OLDER, OLD)
        layer = RecordingLayer(folder, Reader(path, {OLD, NEW}, {OLDER, OLD}))
        calls, operations = fail_at(call)
        changed = {name: make(layer) for name, make in operations.items()}
        try:
            publish(path, NEW, files=structs.replace(layer.file_system(), **changed))
        except DataRefused:
            continue
        finally:
            layer.watch(layer.disk)
        if next(calls) <= call:
            break
    assert call > 25
