"""Annotations point at the line of the problem."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.cli.error_report import run
from variance_bridge.document.pointer_lines import lines_of
from variance_bridge.document.violation import json_pointer

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def pointers(value, path=()):
    yield json_pointer(path)
    if isinstance(value, dict):
        for key, member in value.items():
            yield from pointers(member, (*path, key))
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from pointers(member, (*path, index))


@given(values)
def test_every_value_of_a_json_text_has_the_line_on_which_it_begins(value):
    # Each value on a line of its own, in the order in which pointers() walks.
    text = json.dumps(value, indent=1).replace(": ", ":\n") if value else json.dumps(value)
    lines = text.split("\n")
    found = lines_of(text.encode(), pointers(value))

    assert set(found) == set(pointers(value))
    for pointer, line in found.items():
        wanted = value
        for step in pointer.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            wanted = wanted[int(key)] if isinstance(wanted, list) else wanted[key]
        begins = json.dumps(wanted)[0]
        assert lines[line - 1].lstrip()[0] == begins


def test_a_missing_member_has_the_line_of_its_object():
    text = '{\n "positions": [\n  {},\n  {}\n ]\n}'

    assert lines_of(text.encode(), ["/positions/1/root", "/meta"]) == {
        "/positions/1/root": 4,
        "/meta": 1,
    }


def test_the_report_for_github_names_the_line_of_each_problem(tmp_path, capsys):
    document = {
        "meta": {
            "source": "acme",
            "fetched_at": "2026-03-02T15:04:05Z",
            "account_hash": "0f1e2d3c4b5a***",
        },
        "positions": [
            {"root": "XYZ", "symbol": "XYZ", "type": "stock", "side": "long", "quantity": -quantity}
            for quantity in range(1, 41)
        ],
    }
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(document, indent=1))

    assert run(["validate", "--format", "github", str(file)]) == 6
    reported = capsys.readouterr().out.splitlines()

    lines = file.read_text().splitlines()
    wanted = [number for number, line in enumerate(lines, 1) if '"quantity"' in line]
    assert [int(line.partition("line=")[2].partition(",")[0]) for line in reported] == wanted
