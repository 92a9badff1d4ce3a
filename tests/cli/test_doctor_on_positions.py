"""What `variance doctor` says of the positions files that are there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from variance_bridge.cli.subcommands import variance
from variance_bridge.document import exact_json
from variance_bridge.document.convert import instant_text

NOW = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)


def test_doctor_names_the_file_that_may_lack_rows_and_the_age_of_the_oldest_of_the_others(
    tmp_path, monkeypatch, invoke
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "positions").mkdir()
    for name, minutes, flags in (
        ("cut", 3, [{"caution": "possibly_truncated"}]),
        ("new", 5, []),
        ("old", 20, []),
    ):
        held = {"root": "XYZ", "symbol": "XYZ", "type": "stock", "side": "long", "quantity": 100}
        meta = {
            "source": "acme",
            "fetched_at": instant_text(NOW - timedelta(minutes=minutes)),
            "account_hash": "a1b2c3d4***",
            "status": "complete",
            "flags": flags,
        }
        (tmp_path / "positions" / f"live_{name}.json").write_bytes(
            exact_json.dumps({"meta": meta, "positions": [held]})
        )

    done = invoke(variance, "doctor", "--offline", now=NOW, columns=200)
    lines = done.stdout.splitlines()

    cut, sound = (line for line in lines if " positions: valid" in line)
    assert cut.startswith("note")
    assert "rows may be missing: the source may be cut off (live_cut.json)" in cut
    assert "valid, 2 files, the oldest 20 min" in sound
