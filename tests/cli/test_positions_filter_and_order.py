"""`variance show --sort COLUMN --root ROOT`: the order is that of the column, unknowns last, and typing errors are met half-way."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from variance_bridge.cli.error_report import run
from variance_bridge.cli.tables.positions_filter_and_order import KEYS, sort_key
from variance_bridge.document import exact_json
from variance_bridge.errors import UsageError


def position(symbol, **members):
    return {
        "root": symbol,
        "symbol": symbol,
        "type": "stock",
        "side": "long",
        "quantity": 1,
        **members,
    }


@pytest.fixture
def file(tmp_path):
    document = {
        "meta": {
            "source": "acme",
            "fetched_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "account_hash": "a1b2c3***",
        },
        "positions": [
            position("AAA", unrealized_pl=-5, market_value=70, quote={"mark": 70}),
            position("BBB", unrealized_pl=300, market_value=20, average_price=5),
            position("CCC", market_value=30),
            {
                **position("DDD   310321C00050000", unrealized_pl=10, strike=50),
                "root": "DDD",
                "type": "option",
                "option_type": "call",
                "expiration": "2031-03-21",
                "quote": {"underlying_price": "@"},
            },
        ],
    }
    path = tmp_path / "live_acme.json"
    text = exact_json.dumps(document).decode().replace('"@"', "182.35")
    path.write_text(text)
    return path


@pytest.fixture
def shown(file, capsys, monkeypatch):
    def call(*arguments, width=100):
        monkeypatch.setenv("COLUMNS", str(width))
        capsys.readouterr()
        code = run(["show", str(file), *arguments])
        done = capsys.readouterr()
        return code, re.findall(r"^ (AAA|BBB|CCC|DDD)", done.out, re.MULTILINE), done

    return call


@pytest.mark.parametrize(
    ("arguments", "order"),
    [
        (("--sort", "pl"), ["BBB", "DDD", "AAA", "CCC"]),
        (("--sort", "P/L"), ["BBB", "DDD", "AAA", "CCC"]),
        (("--sort", "pl", "--reverse"), ["AAA", "DDD", "BBB", "CCC"]),
        (("--sort", "value"), ["AAA", "CCC", "BBB", "DDD"]),
        (("--sort", "symbol", "--reverse"), ["DDD", "CCC", "BBB", "AAA"]),
        (("--sort", "days"), ["DDD", "AAA", "BBB", "CCC"]),
        (("--root", "ccc", "--root", "AAA"), ["AAA", "CCC"]),
        (("--root", "BBB", "--sort", "pl"), ["BBB"]),
    ],
)
def test_positions_stand_in_the_order_that_was_asked_for(shown, arguments, order):
    code, roots, done = shown(*arguments)
    assert (code, roots, done.err) == (0, order, "")


def columns_of(screen):
    return next(line for line in screen.splitlines() if line.startswith(" Position"))


@pytest.mark.parametrize("column", ["avg", "mark", "days"])
def test_the_column_that_positions_are_sorted_by_is_shown_where_it_is_narrow(shown, column):
    name = column.capitalize()
    assert name not in columns_of(shown("--sort", "pl", width=44)[2].out)
    assert name in columns_of(shown("--sort", column, width=44)[2].out)


def test_a_narrow_table_ends_with_the_names_of_the_columns_it_lacks(shown):
    narrow = shown(width=50)[2].out
    assert "Not shown at this width: Days, Underlying, Avg, Mark." in " ".join(narrow.split())
    assert "Not shown" not in shown(width=120)[2].out


def test_a_filtered_table_says_how_many_of_all_positions_it_lists(shown):
    assert "1 of 4 positions" in shown("--root", "AAA")[2].out
    assert " 4 positions" in shown("--sort", "pl")[2].out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sort", "delts"), '"delts" to sort by\n  did you mean "delta"?'),
        (("--sort", "xxxxx"), "columns: symbol, root"),
        (("--root", "AAB"), 'no position in "AAB" (did you mean "AAA"?)'),
        (("--root", "ZZZ"), "there are: AAA, BBB, CCC, DDD"),
        (("--sort", "pl", "--json"), "`--json` prints the whole document"),
        (("--reverse",), "`--reverse` needs `--sort`"),
    ],
)
def test_an_unusable_option_says_what_works(shown, arguments, words):
    code, _roots, done = shown(*arguments)
    assert code == 2
    assert words in done.err


def test_a_mistyped_root_is_not_preceded_by_warnings_of_the_file(shown, file):
    document = exact_json.loads(file.read_bytes())
    document["meta"]["fetched_at"] = "2020-01-01T00:00:00Z"
    file.write_bytes(exact_json.dumps(document))
    assert "Warning" in shown("--any-age", "--root", "AAA")[2].err

    code, _roots, done = shown("--any-age", "--root", "ZZZ")

    assert (code, "Warning" in done.err) == (2, False)


@pytest.mark.parametrize("column", KEYS)
def test_every_column_has_the_name_that_it_is_sorted_by(column):
    assert sort_key(column.upper()) == column


def test_an_unknown_column_is_an_error_of_usage():
    with pytest.raises(UsageError):
        sort_key("nothing like it")


def test_the_underlyings_price_is_shown_where_there_is_room(shown):
    assert "Underlying" in shown(width=120)[2].out
    assert "182.35" in shown(width=120)[2].out
    assert "Underlying" not in columns_of(shown(width=50)[2].out)
