"""What the tools answer: the documents' own numbers, their age, and no free text."""

from __future__ import annotations

import json
from decimal import Decimal

import jsonschema
import pytest
from mcp import MCPError
from mcp_folder import CANARIES, ODD, PRECISE, PUT, position, put, two_accounts

from variance_bridge import AgeLimits
from variance_bridge.clock import SystemClock
from variance_bridge.document import exact_json
from variance_bridge_mcp.allowed_texts import WITHHELD, option, symbol, ticker
from variance_bridge_mcp.folder import Folder
from variance_bridge_mcp.schemas import outputs
from variance_bridge_mcp.server import TOOLS, call, tools


@pytest.fixture
def folder(tmp_path):
    return Folder(two_accounts(tmp_path), SystemClock(), AgeLimits())


def ask(folder, tool, **arguments):
    """The exact answer; the structured one says the same and fits its schema."""
    result = call(folder, tool, arguments)
    assert not result.is_error, result.content[0].text
    jsonschema.Draft202012Validator(outputs()[tool]).validate(result.structured_content)
    exact = exact_json.loads(result.content[0].text)
    assert rounded(exact) == result.structured_content
    return exact


def rounded(value):
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def test_every_tool_is_read_only_and_says_what_it_takes_and_answers():
    assert [tool.name for tool in tools()] == [
        "list_portfolios",
        "positions",
        "totals",
        "triage",
        "diff",
        "health",
    ]
    for tool in tools():
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        assert tool.annotations.read_only_hint
        assert tool.annotations.open_world_hint is tool.annotations.destructive_hint is False
        assert tool.output_schema["type"] == tool.input_schema["type"] == "object"
        assert tool.description


@pytest.mark.parametrize("tool", TOOLS)
def test_every_answer_says_how_old_each_account_is(folder, tool):
    answer = ask(folder, tool)
    sources = answer.get("sources", answer.get("portfolios"))
    by_account = {each["account_hash"]: each for each in sources}

    assert by_account["aaaa1111***"]["freshness"] == "fresh"
    assert 60 <= by_account["aaaa1111***"]["age_seconds"] < 600
    assert by_account["bbbb2222***"]["freshness"] == "stale"
    assert by_account[None]["problem"] == "not_valid"
    assert answer["accounts"] == {"counted": 2, "of": 3}


@pytest.mark.parametrize("tool", TOOLS)
def test_no_free_text_and_nothing_from_outside_leaves_the_folder(folder, tool):
    result = call(folder, tool, {})
    said = result.content[0].text + str(result.structured_content)

    assert [canary for canary in CANARIES if canary in said] == []
    assert str(folder.path) not in said
    assert "cccc3333" not in said


def test_a_link_in_the_folder_is_not_followed(folder, tmp_path):
    previous = folder.path / "live_acme.json.prev"
    previous.unlink()
    previous.symlink_to(folder.path / "live_acme.json")

    accounts = {each["account_hash"] for each in ask(folder, "list_portfolios")["portfolios"]}
    assert accounts == {"aaaa1111***", "bbbb2222***", None}
    assert ask(folder, "diff")["compared"] == []


def test_portfolios_have_the_balances_of_their_documents(folder):
    first, _broken, second = sorted(
        ask(folder, "list_portfolios")["portfolios"], key=lambda each: each["account_hash"] or "b"
    )

    assert first["balances"] == {
        "currency": "USD",
        "net_liquidating_value": Decimal("10000.1"),
        "cash": 5,
    }
    assert second["balances"] is None


def test_positions_are_those_of_the_documents_digit_for_digit(folder):
    answer = ask(folder, "positions", account="aaaa1111***")
    by_symbol = {each["symbol"]: each for each in answer["positions"]}

    assert answer["of"] == 3
    assert by_symbol["BTC/USD"]["quantity"] == Decimal(PRECISE)
    assert by_symbol["QZZ   310321P00050000"]["side"] == "short"
    assert by_symbol["QZZ"]["quote"] == {"mark": Decimal("52.505")}
    assert "broker_symbol" not in by_symbol["QZZ"]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"root": "QZZ"}, 2),
        ({"type": "option"}, 1),
        ({"root": "QZZ", "type": "stock"}, 1),
        ({"account": "bbbb"}, 1),
        ({"root": "NONE"}, 0),
        ({"limit": 1}, 1),
        ({"offset": 3}, 1),
    ],
)
def test_positions_are_filtered_and_paged(folder, filters, count):
    assert len(ask(folder, "positions", **filters)["positions"]) == count


def test_totals_are_by_currency_and_unknown_where_a_part_is(folder):
    sums = ask(folder, "totals")["totals_by_currency"]

    assert sums["USD"]["net_liquidating_value"] == Decimal("10000.1")
    assert sums["USD"]["market_value"] is None
    assert sums["USD"]["partial"]["market_value"] == {
        "sum": Decimal("4970.5"),
        "known": 2,
        "of": 3,
    }
    assert sums["EUR"]["positions"] == 1


def test_triage_says_what_each_strategy_asks_for_and_why(folder):
    clusters = ask(folder, "triage", account="aaaa")["clusters"]

    assert {each["root"] for each in clusters} == {"QZZ", "BTC-USD"}
    assert all((each["action"] is None) == (each["reason"] is None) for each in clusters)
    assert ask(folder, "triage", action="NO_SUCH_ACTION")["clusters"] == []


def test_diff_compares_with_the_document_before(folder):
    answer = ask(folder, "diff")

    assert [each["account_hash"] for each in answer["compared"]] == ["aaaa1111***"]
    assert answer["compared"][0]["before"]["age_seconds"] > 89000
    (changed,) = answer["changed"]
    assert (changed["symbol"], changed["quantity_before"], changed["quantity_after"]) == (
        "QZZ",
        80,
        100,
    )
    assert {each["symbol"] for each in answer["opened"]} == {"BTC/USD", "QZZ   310321P00050000"}


def test_diff_says_what_looks_assigned_and_the_profits(tmp_path):
    put(tmp_path, "live_acme.json.prev", "aaaa1111***", PUT | {"underlying": "QZZ", "unrealized_pl": 5}, age=90000)  # fmt: skip
    put(
        tmp_path, "live_acme.json", "aaaa1111***", position("QZZ", "stock", "200", unrealized_pl=-7)
    )
    answer = ask(Folder(tmp_path, SystemClock(), AgeLimits()), "diff")
    (closed,), (opened,) = answer["closed"], answer["opened"]

    assert (closed["looks"], opened["looks"]) == ("assigned", None)
    assert (closed["unrealized_pl_before"], closed["unrealized_pl_after"]) == (5, None)
    assert (opened["unrealized_pl_before"], opened["unrealized_pl_after"]) == (None, -7)


def test_health_counts_what_cannot_be_relied_on(folder):
    answer = ask(folder, "health")

    assert answer["healthy"] is False
    assert (answer["files"], answer["stale"], answer["failed"]) == (3, 1, 1)


def test_positions_that_are_too_old_do_not_count_and_say_so(tmp_path):
    put(tmp_path, "live_acme.json", "aaaa1111***", position("QZZ", "stock"), age=100_000)
    answer = ask(Folder(tmp_path, SystemClock(), AgeLimits()), "positions")

    assert answer["positions"] == []
    assert answer["sources"][0]["problem"] == "too_old"
    assert answer["sources"][0]["age_seconds"] >= 100_000


def test_an_empty_folder_has_no_accounts_and_is_not_healthy(tmp_path):
    answer = ask(Folder(tmp_path, SystemClock(), AgeLimits()), "health")

    assert (answer["healthy"], answer["accounts"]) == (False, {"counted": 0, "of": 0})


def test_a_symbol_that_could_be_a_sentence_is_withheld(folder):
    (odd,) = ask(folder, "positions", account="bbbb")["positions"]

    assert (odd["symbol"], odd["root"]) == (WITHHELD, WITHHELD)
    assert symbol(ODD["symbol"], "stock") == option(ODD["symbol"]) == WITHHELD
    assert symbol("QZZ   310321P00050000", "option") == option("QZZ   310321P00050000")
    assert symbol("./ESZ5 EW3Z5 251219P6000", "future_option") == "./ESZ5 EW3Z5 251219P6000"
    assert ticker("BRK-B") == "BRK-B"


@pytest.mark.parametrize(
    ("tool", "arguments", "place"),
    [
        ("positions", {"type": "Zanzibar"}, "type"),
        ("positions", {"limit": 0}, "limit"),
        ("totals", {"account": "../../etc"}, "account"),
        ("health", {"folder": "/"}, "unknown"),
        ("positions", {"limit": 10**400}, "limit"),
        ("positions", {"limit": True}, "limit"),
        ("positions", {"limit": 1.5}, "limit"),
        ("positions", {"offset": -1}, "offset"),
        ("positions", {"root": "A" * 100_000}, "root"),
        ("positions", {"root": ["QZZ"]}, "root"),
        ("triage", {"action": "X" * 100_000}, "action"),
        ("totals", {"account": ""}, "account"),
        ("totals", {"account": "***"}, "account"),
        ("totals", {"account": "aaaa1111***\n"}, "account"),
        ("totals", {"account": "\0"}, "account"),
        ("totals", {"account": float("nan")}, "account"),
        ("diff", {"account": {"$ne": ""}}, "account"),
        ("positions", {"self": 1}, "unknown"),
    ],
)
def test_arguments_that_do_not_fit_are_named_and_never_repeated(folder, tool, arguments, place):
    result = call(folder, tool, arguments)

    assert result.is_error
    assert place in result.content[0].text
    assert not any(str(value) in result.content[0].text for value in ("Zanzibar", "../..", "/etc"))


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({"root": ".*"}, 0),
        ({"root": "((((a+)+)+"}, 0),
        ({"root": "Q%"}, 0),
        ({"root": ""}, 0),
        ({"root": "\ud800"}, 0),
        ({"offset": 10**400}, 0),
        ({"offset": 1e308}, 0),
        ({"limit": 2.0, "offset": 0.0}, 2),
    ],
)
def test_odd_arguments_that_fit_are_answered_like_any_others(folder, arguments, count):
    assert len(ask(folder, "positions", **arguments)["positions"]) == count


def test_a_bug_is_an_error_without_the_text_that_it_holds(folder, monkeypatch):
    def fail(_folder):
        raise ValueError("Zanzibar in /home/somebody")

    monkeypatch.setitem(TOOLS, "health", ("", fail))
    result = call(folder, "health", {})

    assert result.is_error
    assert "ValueError" in result.content[0].text
    assert "Zanzibar" not in result.content[0].text


def test_a_link_as_the_folder_itself_is_followed_and_links_out_of_it_are_not(tmp_path):
    place = two_accounts(tmp_path)
    (place / "live_hard.json").symlink_to("/etc/hostname")
    (place / "live_dir.json").symlink_to(tmp_path / "outside", target_is_directory=True)
    (place / "live_up.json").symlink_to("../outside/live_outside.json")
    (tmp_path / "link").symlink_to(place)
    folder = Folder((tmp_path / "link").resolve(), SystemClock(), AgeLimits())

    accounts = {each["account_hash"] for each in ask(folder, "list_portfolios")["portfolios"]}
    assert accounts == {"aaaa1111***", "bbbb2222***", None}


def test_an_account_that_is_not_there_is_an_error_that_names_those_that_are(folder):
    result = call(folder, "totals", {"account": "ffff"})

    assert result.is_error
    assert "aaaa1111***" in result.content[0].text


def test_an_unknown_tool_is_an_error_of_the_protocol(folder):
    with pytest.raises(MCPError):
        call(folder, "place_order", {})


def test_a_document_that_may_lack_rows_is_not_healthy_and_a_diff_says_so(tmp_path):
    put(tmp_path, "live_acme.json.prev", "aaaa1111***", position("QZZ", "stock"), age=9000)
    document = put(tmp_path, "live_acme.json", "aaaa1111***", position("QZY", "stock"))
    whole = Folder(tmp_path, SystemClock(), AgeLimits())
    assert ask(whole, "health")["healthy"] is True
    document["meta"]["flags"] = [{"caution": "possibly_truncated"}]
    (tmp_path / "live_acme.json").write_text(json.dumps(document, default=float))
    cut = Folder(tmp_path, SystemClock(), AgeLimits())

    assert ask(cut, "health")["healthy"] is False
    assert ask(cut, "positions")["sources"][0]["rows_may_be_missing"] == ["possibly_truncated"]
    (compared,) = ask(cut, "diff")["compared"]
    assert compared["before"]["rows_may_be_missing"] == []
    assert compared["after"]["rows_may_be_missing"] == ["possibly_truncated"]
