"""Inputs without measure: endless, enormous, deeper than any stack, or never arriving. Time and memory stay bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

MEBIBYTE = 1 << 20
ADDRESS_SPACE = 1024 * MEBIBYTE
RESIDENT = 600 * MEBIBYTE
SECONDS = 60


CHILD = """
import json, resource, sys
limit, seconds, commands = json.loads(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
from variance_bridge.cli.error_report import run
codes = [run(command) for command in commands]
# Not ru_maxrss: that begins with what the parent held when it started this process (getrusage(2) after an exec).
(peak,) = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")]
sys.stderr.write("\\n" + json.dumps([codes, peak * 1024]))
"""


class Ended(NamedTuple):
    """How commands in a process of their own ended, and the most memory that they held."""

    codes: list[int]
    out: bytes
    err: bytes
    resident: int

    def __repr__(self) -> str:
        return f"{self.codes}, {self.resident // MEBIBYTE} MiB: {self.out[-300:]!r} {self.err[-900:]!r}"


@pytest.fixture
def variance(tmp_path):
    """Run commands in one process that may have a gibibyte of addresses and a minute of a processor."""
    (tmp_path / "configuration").mkdir(mode=0o700)
    environment = {**os.environ, "VARIANCE_CONFIG_DIR": str(tmp_path / "configuration")}

    def call(*commands, allowed=frozenset({6})) -> Ended:
        given = json.dumps([ADDRESS_SPACE, SECONDS, [list(map(str, one)) for one in commands]])
        with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-c", CHILD, given],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
            process.wait()
        told = (tmp_path / "err").read_bytes()
        assert process.returncode == 0, told[-2000:]
        codes, resident = json.loads(told.rpartition(b"\n")[2])
        ended = Ended(codes, (tmp_path / "out").read_bytes(), told, resident)
        assert set(codes) <= allowed, ended
        assert b"Traceback" not in told, ended
        assert ended.resident < RESIDENT, ended
        return ended

    return call


def sparse(path: Path, size: int, start: bytes = b"") -> Path:
    """A file of so many bytes, zeros behind the start, that takes no room."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    path.chmod(0o600)
    return path


def filled(path: Path, start: bytes, piece: bytes, size: int, end: bytes = b"") -> Path:
    """A file with a piece again and again."""
    block = piece * max(1, MEBIBYTE // len(piece))
    with path.open("wb") as file:
        file.write(start)
        while file.tell() < size - len(end):
            file.write(block[: max(len(piece), (size - file.tell()) // len(piece) * len(piece))])
        file.write(end)
    return path


READERS = {
    ".csv": (("sync", "--broker", "csv", "--output", "o.json", "--input"), ("show",), ("triage",), ("accounts", "--broker", "csv", "--input")),
    ".json": (("validate",), ("show",), ("triage",)),
}  # fmt: skip


@pytest.mark.parametrize("ending", list(READERS))
def test_a_gibibyte_of_one_line_is_refused_at_once(variance, tmp_path, ending):
    file = sparse(tmp_path / f"x{ending}", 1 << 30, b"Symbol,Quantity,")
    ended = variance((*READERS[ending][0], file))

    assert ended.resident < 150 * MEBIBYTE, ended


def odd(file: Path, what: str) -> None:
    """Something that is no ordinary file, or an enormous one."""
    if what == "gibibyte":
        sparse(file, 1 << 30)
    elif what == "pipe":
        os.mkfifo(file)
    elif what == "folder":
        file.mkdir()
    elif what == "endless":
        file.symlink_to("/dev/zero")
    elif what == "link to itself":
        file.symlink_to(file)


@pytest.mark.slow
@pytest.mark.parametrize("ending", list(READERS))
@pytest.mark.parametrize(
    "what", ["gibibyte", "endless", "pipe", "folder", "nothing", "link to itself"]
)
def test_what_is_not_a_positions_file_is_refused_at_once(variance, tmp_path, ending, what):
    file = tmp_path / f"x{ending}"
    odd(file, what)
    # A folder of exports is no file for `--output`: a usage error.
    allowed = {2, 6} if what == "folder" else {6}
    ended = variance(*((*command, file) for command in READERS[ending]), allowed=allowed)

    assert ended.resident < 150 * MEBIBYTE, ended


@pytest.mark.slow
@pytest.mark.parametrize("what", ["gibibyte", "endless", "pipe", "folder", "link to itself"])
@pytest.mark.parametrize("name", ["variance.toml", ".env", "csv/mine.toml", "consents.json", "installation.key", "o.json", "positions"])  # fmt: skip
def test_every_file_that_is_looked_for_may_be_anything(variance, tmp_path, name, what):
    folder = tmp_path if name in {"o.json", "positions"} else tmp_path / "configuration"
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    odd(file, what)
    export = tmp_path / "export.csv"
    export.write_text("Symbol,Type,Quantity,Cost,Mark\nQZZ,Stock,1,5,6\n")
    variance(
        ("sync", "--broker", "csv", "--input", export, "--output", "o.json"),
        ("sync", "--broker", "csv", "--input", export),
        ("auth", "status", "--broker", "tastytrade"),
        ("doctor", "--offline"),
        (),
        allowed={0, 3, 6},
    )


LARGEST = 60 * MEBIBYTE
ENORMOUS_JSON = {
    "deep lists": (b"", b"[", b""),
    "deep objects": (b"", b'{"a":', b""),
    "empty lists": (b"[", b"[],", b"[]]"),
    "numbers": (b"[", b"1.5,", b"1]"),
    "positions that are none": (b'{"meta":{},"positions":[', b"1,", b"1]}"),
    "quotes": (b"", b'"', b""),
    "one text": (b'"', b"a", b'"'),
    "escapes": (b'"', b"\\u0041", b'"'),
    "a number": (b"[", b"9", b"]"),
    "blanks": (b"", b" ", b"{}"),
    "closing brackets": (b"", b"]", b""),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", list(ENORMOUS_JSON))
@pytest.mark.parametrize("size", [LARGEST, 100 * MEBIBYTE])
def test_enormous_json_is_refused_in_bounded_time_and_memory(variance, tmp_path, form, size):
    file = filled(
        tmp_path / "x.json",
        ENORMOUS_JSON[form][0],
        ENORMOUS_JSON[form][1],
        size,
        ENORMOUS_JSON[form][2],
    )
    variance(("validate", file), ("show", file))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["validate", "show"])
@pytest.mark.parametrize("form", ["names", "members of a position", "small positions"])
def test_json_just_below_the_limits_is_read_in_bounded_time_and_memory(
    variance, tmp_path, form, command
):
    many = 1_900_000
    if form == "names":
        text = "{" + ",".join(f'"{number:07d}":1' for number in range(many)) + "}"
    elif form == "members of a position":
        members = ",".join(f'"{number:07d}":1' for number in range(many))
        text = f'{{"meta":{{}},"positions":[{{{members}}}]}}'
    else:
        text = (
            '{"meta":{"schema_version":"1.9"},"positions":[' + ",".join(["{}"] * (many // 2)) + "]}"
        )
    (tmp_path / "x.json").write_text(text)
    ended = variance((command, "x.json"))

    assert len(ended.out) + len(ended.err) < 4 * MEBIBYTE


HEADER = b"Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,Cost,Mark\n"
ENORMOUS_CSV = {
    "lines": b"x\n",
    "long lines": b"x" * 300 + b"\n",
    "blank rows": b"," * 900 + b"\n",
    "quotes": b'"' * 250_000 + b"\n",
    "one column": b"QZZ," * 60_000 + b"\n",
    "carriage returns": b"\r",
    "odd bytes": b"\xff" * 1000 + b"\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("form", list(ENORMOUS_CSV))
def test_an_enormous_export_is_read_or_refused_in_bounded_time_and_memory(variance, tmp_path, form):
    size = (8 if form == "quotes" else 31) * MEBIBYTE
    file = filled(tmp_path / "x.csv", HEADER, ENORMOUS_CSV[form], size)
    variance(("sync", "--broker", "csv", "--dry-run", "--input", file), allowed={0, 6})


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_deeper_than_any_stack_is_refused(variance, tmp_path, opening):
    (tmp_path / "x.json").write_text(opening * 100_000)

    variance(("validate", "x.json"), ("show", "x.json"))
