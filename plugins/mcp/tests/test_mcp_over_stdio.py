"""`variance mcp` as an assistant starts it: the SDK's own client, a process, stdin and stdout."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp_folder import CANARIES, two_accounts

from variance_bridge import load
from variance_bridge.cli.error_report import run
from variance_bridge.document import exact_json

QUESTIONS = (
    ("list_portfolios", {}),
    ("positions", {}),
    ("positions", {"root": "QZZ"}),
    ("positions", {"type": "option", "account": "aaaa1111***"}),
    ("totals", {}),
    ("totals", {"account": "aaaa"}),
    ("triage", {}),
    ("triage", {"root": "QZZ"}),
    ("diff", {}),
    ("health", {}),
)
MAX_START_SECONDS = 1.5
"""Of the processor, from the start of the process until it has served its first client: a promise of the page."""


def command(folder):
    return [sys.executable, "-m", "variance_bridge", "mcp", "--folder", str(folder)]


def converse(folder, configuration):
    """The tools and the answers, from a process."""

    async def talk():
        program, *arguments = command(folder)
        place = {"PATH": os.environ["PATH"], "VARIANCE_CONFIG_DIR": str(configuration)}
        server = StdioServerParameters(command=program, args=arguments, env=place)
        async with Client(server) as client:
            listed = await client.list_tools()
            return listed.tools, [await client.call_tool(*each) for each in QUESTIONS]

    return anyio.run(talk)


def test_a_client_lists_the_tools_and_asks_ten_questions(tmp_path):
    folder = two_accounts(tmp_path)
    tools, results = converse(folder, tmp_path / "configuration")

    assert len(tools) == 6
    assert all(tool.annotations.read_only_hint and tool.output_schema for tool in tools)
    assert [result.is_error for result in results] == [False] * len(QUESTIONS)
    said = "".join(result.content[0].text + str(result.structured_content) for result in results)
    assert [canary for canary in CANARIES if canary in said] == []

    held = load(folder / "live_acme.json").portfolio
    answered = exact_json.loads(results[1].content[0].text)["positions"][:3]
    assert [(each["symbol"], each["quantity"]) for each in answered] == [
        (each.symbol, each.quantity) for each in held.positions
    ]
    assert results[4].structured_content["totals_by_currency"]["USD"][
        "net_liquidating_value"
    ] == float(held.balances.net_liquidating_value)


@pytest.mark.slow
def test_nothing_is_written(tmp_path):
    folder = two_accounts(tmp_path)
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    converse(folder, tmp_path / "configuration")

    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.slow
def test_a_start_takes_less_of_the_processor_than_the_page_promises(tmp_path):
    folder = two_accounts(tmp_path)

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command(folder), stdin=subprocess.DEVNULL, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(seconds() for _ in range(2)) <= MAX_START_SECONDS


def test_a_folder_that_is_not_there_is_an_error_before_anything_is_served(tmp_path, capsys):
    assert run(["mcp", "--folder", str(tmp_path / "none")]) == 6
    assert "there is no such folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "exit_code"), [("live_acme.json", 6), ("x" * 5000, 6), ("", 2), (" \n", 2)]
)
def test_what_is_not_a_folder_is_refused_before_anything_is_served(tmp_path, capsys, monkeypatch, folder, exit_code):  # fmt: skip
    monkeypatch.chdir(two_accounts(tmp_path))
    code = run(["mcp", "--folder", folder])
    printed = capsys.readouterr()

    assert (code, printed.out) == (exit_code, "")
    assert "Traceback" not in printed.err


def test_without_the_sdk_the_error_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", None)

    assert run(["mcp", "--folder", str(tmp_path)]) == 3
    assert "variance-bridge[mcp]" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("message", ["", "not json\n", '{"jsonrpc": "2.0", "id": 1}\n'])
def test_a_client_that_speaks_nonsense_or_leaves_ends_the_server_without_a_traceback(
    tmp_path, message
):
    done = subprocess.run(
        command(two_accounts(tmp_path)),
        input=message,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0
    assert "Traceback" not in done.stderr
