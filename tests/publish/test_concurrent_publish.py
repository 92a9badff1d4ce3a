"""Many writers and readers at once, as real processes: nobody ever reads half a document."""

import hashlib
import json
import subprocess
import sys

import pytest

from variance_bridge.storage.read import read_published
from variance_bridge.storage.replace import previous_path

WRITER = """
import hashlib, random, sys
from pathlib import Path
from variance_bridge.errors import SyncRunning
from variance_bridge.storage.replace import publish
path, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance, published, refused = random.Random(seed), 0, 0
while published < count:
    body = chance.randbytes(chance.randrange(1, 200_000))
    try:
        publish(path, hashlib.sha256(body).digest() + body)
        published += 1
    except SyncRunning:
        refused += 1
sys.stdout.write(f"[{published}, {refused}]")
"""

READER = """
import hashlib, sys
from pathlib import Path
from variance_bridge.storage.read import read_published
path = Path(sys.argv[1])
documents, seen = 0, set()
while not path.with_name("done").exists():
    data = read_published(path).data
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        sys.exit("torn")
    documents += 1
    seen.add(data[:32])
sys.stdout.write(f"[{documents}, {len(seen)}]")
"""


def whole(data):
    return hashlib.sha256(data[32:]).digest() == data[:32]


def race(path, writers, readers, count):
    """Let them run; what each writer and each reader counted."""
    first = b"first"
    path.write_bytes(hashlib.sha256(first).digest() + first)

    def start(program, *arguments):
        command = [sys.executable, "-c", program, str(path), *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    reading = [start(READER) for _ in range(readers)]
    writing = [start(WRITER, seed, count) for seed in range(writers)]
    answers = [process.communicate(timeout=300) for process in writing]
    path.with_name("done").touch()
    answers += [process.communicate(timeout=300) for process in reading]
    assert [error for _, error in answers] == [""] * len(answers)
    counts = [json.loads(text) for text, _ in answers]
    assert whole(read_published(path).data)
    assert whole(read_published(previous_path(path)).data)
    return counts[:writers], counts[writers:]


def test_readers_beside_writers_read_whole_documents(tmp_path):
    written, read = race(tmp_path / "live_acme.json", writers=2, readers=1, count=60)
    assert [published for published, _ in written] == [60, 60]
    assert sum(seen for _, seen in read) > 10


@pytest.mark.slow
def test_many_readers_beside_many_writers_read_whole_documents(tmp_path):
    written, read = race(tmp_path / "live_acme.json", writers=6, readers=4, count=120)
    assert all(published == 120 for published, _ in written)
    assert sum(refused for _, refused in written) > 0
    assert sum(seen for _, seen in read) > 500
