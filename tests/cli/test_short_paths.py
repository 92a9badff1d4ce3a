"""Paths in lists on a narrow terminal."""

from __future__ import annotations

import pytest

from variance_bridge.formatting import short_path

PATH = "positions/daily/live_csv_54903f9f03bb.json"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (42, PATH),
        (41, "…/daily/live_csv_54903f9f03bb.json"),
        (30, "…/live_csv_54903f9f03bb.json"),
        (27, "live_csv_54903f9f03bb.json"),
        (20, "live_csv_5…03bb.json"),
        (1, "live_c….json"),
    ],
)
def test_a_path_loses_folders_first_and_the_end_of_its_name_never(width, shown):
    assert short_path(PATH, width) == shown


def test_a_name_alone_is_shortened_in_its_middle():
    assert short_path("a" * 30 + ".json", 15) == "aaaaaaa…aa.json"
