"""Start-up is a promise: the set of modules that a light command loads can only shrink."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
import pytest

from tastytrade_simulator.portfolio import SimulatedPortfolio
from tastytrade_simulator.server import Simulator
from variance_bridge.document import exact_json
from variance_bridge.settings.configuration import user_folder

EXAMPLE = Path(__file__).parents[2] / "schemas" / "examples" / "full.json"

HEAVY = {
    "attrs", "cattrs", "filelock", "jsonschema", "keyring", "platformdirs", "pluggy", "requests", "rich", "urllib3",
    "variance_bridge_csv", "variance_bridge_notify", "variance_bridge_tastytrade", "variance_bridge_triage",
}  # fmt: skip
OURS = {
    "",
    ".__main__",
    ".cli",
    ".cli.error_report",
    ".cli.subcommands",
    ".cli.invocation",
    ".errors",
    ".formatting",
    ".plugins",
    ".plugins.registry",
}
MAX_MODULES = {"--version": 115, "--help": 125}
MAX_MODULES_OF_WORK = {"show": 313, "validate": 261, "sync": 335}
"""Only ever less. A module takes some half a millisecond, whatever is in it. On Python 3.11: other versions' standard libraries import more of their own."""
MAX_MODULES_BEYOND_PYTHON = {"show": 168, "validate": 98, "sync": 193}
"""Ours and those of other packages, on every Python."""
NOT_FOR_FILES = {
    "cattrs", "importlib.resources", "jsonschema", "keyring", "netrc", "pluggy", "requests", "urllib3",
    "variance_bridge.network.session", "variance_bridge.plugins.trust",
    "variance_bridge_csv", "variance_bridge_tastytrade",
}  # fmt: skip


MAX_MODULES_BEFORE_THE_FIRST_REQUEST, MAX_MODULES_AFTER_THE_FIRST_ANSWER = 139, 0
"""Ours and those of other packages: how many the standard library has differs by version."""
SHARES = {
    "symbol": "SPY",
    "instrument_type": "Equity",
    "quantity": 1,
    "mark_price": "500",
    "average_open_price": "400",
}
ACCOUNT = {"cash": "1000", "positions": [SHARES]}


def loaded_by(*arguments: str) -> set[str]:
    code = (
        "import sys\n"
        "from variance_bridge.cli.error_report import run\n"
        f"code = run({list(arguments)!r})\n"
        "print('MODULES', *sorted(sys.modules))\n"
        "sys.exit(code)\n"
    )
    # Coverage of started processes would load modules of its own.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=plain, capture_output=True, text=True, check=True
    )
    # Debian's Python has a module of that name for its own reports of crashes.
    return set(done.stdout.rpartition("MODULES ")[2].split()) - {"sitecustomize"}


def check_number(modules: set[str], command: str) -> None:
    beyond = {name for name in modules if name.partition(".")[0] not in sys.stdlib_module_names}
    assert len(beyond) <= MAX_MODULES_BEYOND_PYTHON[command]
    if sys.version_info[:2] == (3, 11):
        assert len(modules) <= MAX_MODULES_OF_WORK[command]


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_a_light_command_loads_no_plugin_and_nothing_heavy(argument):
    modules = loaded_by(argument)

    assert {name.partition(".")[0] for name in modules} & HEAVY == set()
    ours = {name for name in modules if name.partition(".")[0] == "variance_bridge"}
    assert ours <= {f"variance_bridge{name}" for name in OURS}
    assert len(modules) <= MAX_MODULES[argument]


def young(folder: Path) -> Path:
    document = exact_json.loads(EXAMPLE.read_bytes())
    document["meta"]["fetched_at"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    file = folder / "live_acme.json"
    file.write_bytes(exact_json.dumps(document))
    return file


@pytest.mark.parametrize("command", ["show", "validate"])
def test_reading_a_document_loads_neither_network_nor_plugins(command, tmp_path):
    modules = loaded_by(command, str(young(tmp_path)))

    assert modules & NOT_FOR_FILES == set()
    check_number(modules, command)


def test_a_sync_of_a_file_loads_no_http_client_and_no_keyring(tmp_path, monkeypatch):
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    export = tmp_path / "export.csv"
    export.write_text("Symbol,Type,Quantity,Multiplier,Average Price\nSPY,Stock,1,1,500\n")
    output = tmp_path / "positions" / "live_csv.json"
    modules = loaded_by("sync", "--broker", "csv", "--input", str(export), "--output", str(output))

    assert output.is_file()
    assert modules & {"keyring", "requests", "urllib3", "jsonschema", "rich"} == set()
    check_number(modules, "sync")


def test_what_follows_the_answer_of_an_api_is_loaded_while_the_first_is_on_its_way(tmp_path):
    """Else its time would be added to that of the network: a request is sent as soon as it can be, and waited for once."""
    code = (
        "import sys\n"
        "from variance_bridge.network.session import ReadOnlySession\n"
        "from variance_bridge.cli.error_report import run\n"
        "known = sys.stdlib_module_names | {'sitecustomize'}\n"
        "def modules():\n"
        "    return {name for name in sys.modules if name.partition('.')[0] not in known}\n"
        "loaded, send = [], ReadOnlySession._send\n"
        "def noting(*given):\n"
        "    loaded.append(modules())\n"
        "    return send(*given)\n"
        "ReadOnlySession._send = noting\n"
        "code = run(['sync', '--broker', 'tastytrade', '--quotes', 'none'])\n"
        "before, then, *_ = *loaded, modules()\n"
        "print('LOADED', len(before), len(modules() - loaded[1]), 'variance_bridge.document.check' in before)\n"
        "sys.exit(code)\n"
    )
    with Simulator(SimulatedPortfolio.from_data({"accounts": [ACCOUNT]})) as server:
        known = server.credentials
        address = {
            "API_BASE_URL": server.url,
            "TT_CLIENT_ID": known.client_id,
            "TT_CLIENT_SECRET": known.client_secret,
            "TT_REFRESH_TOKEN": known.refresh_token,
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **address},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
    before, afterwards, is_early = done.stdout.rpartition("LOADED ")[2].split()

    assert is_early == "False"
    assert int(before) <= MAX_MODULES_BEFORE_THE_FIRST_REQUEST
    assert int(afterwards) <= MAX_MODULES_AFTER_THE_FIRST_ANSWER


def test_importing_the_package_loads_none_of_its_modules():
    code = "import sys, variance_bridge; print(*[m for m in sys.modules if m.startswith('variance_bridge')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["variance_bridge"]


def test_a_full_disk_behind_the_output_is_explained():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "variance_bridge", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (
        6,
        "Error: the output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize(
    "command",
    ["--help", "schema", "show {file}", "validate {file}", "triage {file}"],
)
def test_a_reader_that_closes_the_pipe_early_is_not_an_error(command, tmp_path):
    file = young(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "variance_bridge", *command.format(file=file).split()],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr.count("Error")) == (0, 0)
    assert "BrokenPipe" not in done.stderr


def test_a_command_that_ends_at_once_does_what_was_registered_for_the_exit():
    code = (
        "import atexit, sys, variance_bridge.__main__ as program\n"
        "atexit.register(print, 'registered')\n"
        "sys.argv[1:] = ['schema', '--nonsense']\n"
        "program.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "registered\n")


def test_the_folder_of_the_configuration_is_that_of_platformdirs(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = Path(platformdirs.user_config_dir("variance-bridge", appauthor=False))

    assert user_folder({"HOME": str(tmp_path)}) == expected
