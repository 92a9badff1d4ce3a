"""What a worker does with one input, and the tables that are made of it: here without a cluster."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from fleet_exports import CANARY, export, exports, installation, tables
from msgspec import structs

from variance_bridge import ROW_COLUMNS, DataRefused, load, unattended
from variance_bridge.cli.error_report import run
from variance_bridge.document import exact_json
from variance_bridge.pipeline.sync_records import Failed
from variance_bridge.storage import replace
from variance_bridge_fleet import dask_workers, worker_job
from variance_bridge_fleet import run_counts as fleet_summary
from variance_bridge_fleet.manifest import read_manifest
from variance_bridge_fleet.output_folder import Output, content_hash
from variance_bridge_fleet.output_tables import write_tables
from variance_bridge_fleet.report import lines, page, report
from variance_bridge_fleet.run import Run
from variance_bridge_fleet.run_counts import summary
from variance_bridge_fleet.worker_files import Work
from variance_bridge_fleet.worker_job import Job, OtherVersions, do, installed

NOW = datetime.now(UTC)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    installation(tmp_path, monkeypatch)
    for each in (worker_job._syncs, worker_job._thresholds, worker_job._installed_once):
        each.cache_clear()
    yield tmp_path
    for each in (worker_job._syncs, worker_job._thresholds, worker_job._installed_once):
        each.cache_clear()


def begun(place, accounts=3):
    inputs = read_manifest(str(exports(place, accounts))).inputs
    output = Output(place / "out")
    output.begin(NOW, resume=False)
    return output, inputs


def work(output, inputs, **others):
    """What is not done, as one batch."""
    kept = Work(output.work)
    missing = tuple(each for each in inputs if not is_done(output, each))
    if missing:
        whole = {"configuration": None, "now": NOW, "installed": installed(None), **others}
        do(Job(inputs=missing, round=kept.round + 1, out=output.folder, **whole))


def is_done(output, each):
    return Work(output.work).is_done(each, content_hash(each.file))


def write_all(output, inputs):
    write_tables(output, Work(output.work), inputs)


def ended(place, accounts=3):
    output, inputs = begun(place, accounts)
    work(output, inputs)
    write_all(output, inputs)
    output.note_end(NOW, 1.5, len(inputs))
    return output, inputs


def test_documents_are_those_that_a_sync_writes(place, capsys):
    output, inputs = begun(place, 1)
    work(output, inputs)
    (written,) = output.documents.glob("*.json")
    assert run(["sync", str(inputs[0].file), "--output", "own/own.json"]) == 0

    own = (place / "own" / "own.json").read_bytes()
    assert written.read_bytes() == own


@contextmanager
def listings():
    """What folders are listed in the block: paths and descriptors."""
    found = []
    is_watched = True

    def note(event, arguments):  # a hook cannot be removed, but it can do nothing
        if is_watched and event in {"os.listdir", "os.scandir"}:
            found.append(os.stat(arguments[0]))  # noqa: PTH116 - it may be a descriptor

    sys.addaudithook(note)
    try:
        yield found
    finally:
        is_watched = False


def test_no_account_lists_the_folder_of_documents_which_may_hold_thousands(place):
    output, inputs = begun(place)
    own = output.documents.stat()
    with listings() as found:
        work(output, inputs)
        assert not [each for each in found if os.path.samestat(each, own)]
        assert len(list(output.documents.glob("*.json"))) == 3
        assert any(os.path.samestat(each, own) for each in found)


def test_the_tables_hold_every_position_cluster_and_account(place):
    output, _inputs = ended(place)
    found = tables(output.folder)
    snapshots = [load(file, NOW, any_age=True) for file in output.documents.glob("*.json")]
    expected = [row for each in snapshots for row in each.rows()]

    def order(row):
        return row["account_hash"], row["symbol"], row["quantity"]

    stripped = [{name: row[name] for name in ROW_COLUMNS} for row in found["positions"]]
    assert sorted(stripped, key=order) == sorted(expected, key=order)
    assert [row["status"] for row in found["outcomes"]] == ["complete"] * 3
    assert {row["account_hash"] for row in found["triage"]} == {
        each.portfolio.meta.account_hash for each in snapshots
    }


def test_triage_over_the_dataset_is_the_triage_of_each_file(place, capsys):
    output, _inputs = ended(place)
    for document in output.documents.glob("*.json"):
        capsys.readouterr()
        run(["triage", str(document), "--json", "--any-age"])
        judged = exact_json.loads(capsys.readouterr().out)
        own = judged["clusters"]
        account = own[0]["account_hash"]
        found = [row for row in tables(output.folder)["triage"] if row["account_hash"] == account]

        def shown(row):
            names = ("root", "strategy", "action", "reason", "net_pl")
            return [row[name] for name in names]

        assert list(map(shown, found)) == list(map(shown, own))
        assert {row["currency"] for row in found} == {judged["meta"]["currency"]} == {"USD"}


def test_what_is_done_is_not_done_again_and_what_has_changed_is(place):
    output, inputs = begun(place)
    work(output, inputs)
    (before,) = output.work.glob("*.json")
    work(output, inputs)
    assert list(output.work.glob("*.json")) == [before]

    export(inputs[0].file, 0, rows=8)
    assert [is_done(output, each) for each in inputs] == [False, True, True]
    work(output, inputs)
    write_all(output, inputs)
    assert [row["positions"] for row in tables(output.folder)["outcomes"]] == [8, 6, 6]
    assert [row["input_number"] for row in tables(output.folder)["outcomes"]] == [1, 2, 3]


def test_an_input_that_the_manifest_reads_in_another_way_is_done_again(place):
    manifest = exports(place, 1)
    inputs = read_manifest(str(manifest)).inputs
    stated = [structs.replace(each, settings={"dialect": "schwab"}) for each in inputs]
    output = Output(place / "out")
    output.begin(NOW, resume=False)
    for each, status in ((stated, "refused"), (inputs, "complete")):
        work(output, each)
        write_all(output, each)
        assert [row["status"] for row in tables(output.folder)["outcomes"]] == [status]
    assert is_done(output, inputs[0])


def test_a_damaged_part_is_named_and_made_again_once_it_is_deleted(place):
    output, inputs = ended(place)
    (part,) = output.work.glob("*.positions.arrow")
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(DataRefused, match="damaged") as refused:
        write_all(output, inputs)
    assert refused.value.where == str(part)

    part.unlink()
    work(output, inputs)
    write_all(output, inputs)
    assert len(tables(output.folder)["positions"]) == 18


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "3", "{}", '{"inputs": [], "parts": {}}', '{"inputs": [{}]}']
)
def test_an_input_with_a_damaged_outcome_is_done_again(place, content):
    output, inputs = ended(place)
    (file,) = output.work.glob("*.json")
    file.write_text(content)
    assert not any(is_done(output, each) for each in inputs)


def test_a_refused_file_does_not_stop_the_others(place):
    manifest = exports(place, 2)
    (place / "exports" / "bad.csv").write_text("garbage\n")
    output, inputs = Output(place / "out"), read_manifest(str(manifest)).inputs
    output.begin(NOW, resume=False)
    work(output, inputs)
    write_all(output, inputs)
    output.note_end(NOW, 1, len(inputs))
    found = summary(output)

    assert (found.inputs, found.accounts, found.complete, found.refused) == (3, 3, 2, 1)
    assert found.exit_code == 6
    assert any("1 refused" in line for line in lines(report(output)))


def test_an_all_clear_covers_only_the_accounts_that_were_read(place):
    all_read = report(ended(place)[0])
    one_refused = msgspec.structs.replace(
        all_read, actions=(), summary=msgspec.structs.replace(all_read.summary, refused=1)
    )
    none_refused = msgspec.structs.replace(all_read, actions=())

    assert list(lines(none_refused))[-1] == "Nothing needs action."
    assert list(lines(one_refused))[-1] == "Nothing needs action in the accounts that were read."
    assert b"Nothing needs action.</p>" in page(none_refused)
    assert b"Nothing needs action in the accounts that were read.</p>" in page(one_refused)


def test_a_failure_in_one_input_does_not_stop_the_others(place, monkeypatch):
    output, inputs = begun(place, 2)
    whole = worker_job._read_back

    def fragile(results, of):
        if results[0].path.name.startswith(inputs[0].key):
            raise RuntimeError(CANARY)
        return whole(results, of)

    monkeypatch.setattr(worker_job, "_read_back", fragile)
    work(output, inputs)
    write_all(output, inputs)

    first, second = tables(output.folder)["outcomes"]
    assert (first["status"], first["exit"], first["reason"]) == ("failed", 1, "RuntimeError")
    assert second["status"] == "complete"
    assert not is_done(output, inputs[0])


def test_no_account_number_is_in_any_file_of_the_output(place):
    output, _inputs = ended(place)
    texts = [file.read_bytes() for file in output.folder.rglob("*") if file.is_file()]
    names = [str(file.relative_to(output.folder)) for file in output.folder.rglob("*")]

    assert not any(CANARY.encode() in text for text in texts)
    assert not any(CANARY in name for name in names)
    assert CANARY not in "\n".join(lines(report(output)))


def test_the_account_number_of_one_input_may_be_a_quantity_in_another(place):
    output, inputs = begun(place, 2)
    first, second = (each.file for each in inputs)
    first.write_text(first.read_text().replace(f"X{CANARY}", CANARY))
    export(second, 1, quantity=f"{CANARY}0000")
    work(output, inputs)
    write_all(output, inputs)

    assert [row["status"] for row in tables(output.folder)["outcomes"]] == ["complete"] * 2


@pytest.mark.parametrize("stops_all", [True, False])
def test_the_reason_of_a_failure_names_nothing_personal(place, monkeypatch, stops_all):
    output, inputs = begun(place, 1)

    def careless(ready):
        ready.run.context.personal.add(CANARY)
        error = DataRefused(f"{CANARY} is wrong")
        if stops_all:
            raise error
        return [Failed(account="", error=error)]

    monkeypatch.setattr(unattended, "carry_out", careless)
    work(output, inputs)
    write_all(output, inputs)

    (row,) = tables(output.folder)["outcomes"]
    assert (row["status"], row["reason"]) == ("refused", "*** is wrong")


def test_scales_differ_between_accounts_and_are_one_in_the_dataset(place):
    output, inputs = begun(place, 2)
    export(inputs[1].file, 1, quantity="0.125")
    work(output, inputs)
    write_all(output, inputs)
    from pyarrow import parquet

    files = list(output.folder.glob("positions/*/*/*.parquet"))
    assert {parquet.read_schema(file).field("quantity").type.scale for file in files} == {3}
    assert Decimal("0.125") in [row["quantity"] for row in tables(output.folder)["positions"]]


def test_a_worker_with_other_versions_or_another_key_does_nothing(place):
    output, inputs = begun(place, 1)
    other = {**installed(None), "variance-bridge": "9.9.9"}
    with pytest.raises(OtherVersions, match=r"variance-bridge: 9\.9\.9 here, .* there"):
        work(output, inputs, installed=other)

    assert list(output.documents.iterdir()) == []


def test_without_a_key_nothing_is_started(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "none"))
    manifest = exports(tmp_path, 1)

    assert run(["fleet", "run", str(manifest), "--out", "out"]) == 3
    assert "no key for account hashes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "none").exists()


def test_an_unreadable_line_stops_the_run_before_it_starts(place, capsys):
    (place / "fleet.csv").write_text("input\ngone.csv\n")

    assert run(["fleet", "run", "fleet.csv", "--out", "out"]) == 2
    assert "line 2: the file is not there" in capsys.readouterr().err
    assert not (place / "out").exists()


@pytest.mark.parametrize("manifest", ["none/*.csv", "empty.toml", "empty.csv", "lost.toml"])
@pytest.mark.parametrize("options", [[], ["--keep-going"]])
def test_a_manifest_that_names_nothing_is_a_usage_error(place, capsys, manifest, options):
    (place / "empty.toml").write_text("inputs = []\n")
    (place / "empty.csv").write_text("input\n")
    (place / "lost.toml").write_text('inputs = ["none/*.csv"]\n')

    assert run(["fleet", "run", manifest, "--out", "out", *options]) == 2
    said = capsys.readouterr().err
    assert "no file is there" in said or manifest in said
    assert not (place / "out").exists()


@pytest.mark.parametrize("step", ["document", "rows", "outcomes"])
def test_a_full_disk_ends_the_run_and_blames_no_account(place, monkeypatch, step):
    output, inputs = begun(place)
    names = {"document": ".json", "rows": ".arrow", "outcomes": "000001-"}
    whole = replace._write_temporary

    def full(at, data, leftovers, **others):
        if names[step] in at.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(at, data, leftovers)

    with monkeypatch.context() as patched:
        patched.setattr(replace, "_write_temporary", full)
        with pytest.raises(DataRefused, match="the disk is full"):
            work(output, inputs)
    assert not any(is_done(output, each) for each in inputs)

    work(output, inputs)
    write_all(output, inputs)
    assert [row["status"] for row in tables(output.folder)["outcomes"]] == ["complete"] * 3
    assert len(tables(output.folder)["positions"]) == 18


def test_rows_that_fit_no_table_cost_their_own_account_only(place):
    output, inputs = begun(place)
    export(inputs[1].file, 1, quantity="1" * 30 + "." + "1" * 12)
    work(output, inputs)
    write_all(output, inputs)
    found = tables(output.folder)

    statuses = [row["status"] for row in found["outcomes"]]
    assert (statuses[0], statuses[2]) == ("complete", "complete")
    assert len([row for row in found["positions"] if row["symbol"]]) >= 12


def test_an_account_that_is_in_two_files_is_pointed_out(place):
    output, inputs = begun(place, 2)
    twin = place / "exports" / "twin.csv"
    twin.write_bytes(inputs[0].file.read_bytes())
    inputs = read_manifest(str(place / "manifest.toml")).inputs
    work(output, inputs)
    write_all(output, inputs)
    output.note_end(NOW, 1, len(inputs))
    shown = report(output)

    assert shown.repeated == 1
    assert "1 account is in several inputs" in "\n".join(lines(shown))
    assert b"1 account is in several inputs" in page(shown)
    assert len(tables(output.folder)["outcomes"]) == 3


@pytest.mark.parametrize("kind", ["run", "other"])
def test_a_folder_with_something_in_it_is_left_alone(place, capsys, kind):
    manifest = exports(place, 1)
    (place / "out").mkdir()
    if kind == "run":
        Output(place / "out").begin(NOW, resume=False)
    else:
        (place / "out" / "mine.txt").write_text("mine")
    before = sorted(place.joinpath("out").rglob("*"))

    assert run(["fleet", "run", str(manifest), "--out", "out"]) == 6
    assert sorted(place.joinpath("out").rglob("*")) == before


def test_a_folder_that_holds_no_run_is_not_resumed(place):
    (place / "out").mkdir()
    (place / "out" / "mine.txt").write_text("mine")

    with pytest.raises(DataRefused, match="not from a run"):
        Output(place / "out").begin(NOW, resume=True)


def test_a_scheduler_that_does_not_answer_is_exit_5(place, capsys, monkeypatch):
    monkeypatch.setattr(dask_workers, "CONNECT_LIMIT", 0.3)
    manifest = exports(place, 1)

    assert (
        run(["fleet", "run", str(manifest), "--out", "out", "--scheduler", "tcp://127.0.0.1:9"])
        == 5
    )
    assert "cannot be reached" in capsys.readouterr().err
    assert not (place / "out").exists()


def test_a_report_of_a_folder_without_a_run_says_so(place, capsys):
    assert run(["fleet", "report", str(place)]) == 6
    assert "no finished run" in capsys.readouterr().err


def test_the_report_for_programs_adds_up(place, capsys):
    output, _inputs = ended(place)
    capsys.readouterr()

    assert run(["fleet", "report", str(output.folder), "--json"]) == 0
    found = exact_json.loads(capsys.readouterr().out)
    assert found == {
        "inputs": 3,
        "accounts": 3,
        "complete": 3,
        "partial": 0,
        "refused": 0,
        "failed": 0,
        "positions": 18,
        "seconds": Decimal("1.5"),
    }


def test_the_page_shows_what_the_report_says_and_obeys_nothing(place, capsys):
    manifest = exports(place, 2)
    (place / "exports" / "<script>.csv").write_text("garbage\n")
    output, inputs = Output(place / "out"), read_manifest(str(manifest)).inputs
    output.begin(NOW, resume=False)
    work(output, inputs)
    write_all(output, inputs)
    output.note_end(NOW, 1, len(inputs))

    assert run(["fleet", "report", "out", "--json"]) == 6
    assert exact_json.loads(capsys.readouterr().out)["refused"] == 1
    assert run(["fleet", "report", "out", "--html", "page.html"]) == 0
    text = (place / "page.html").read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert all(word in text for word in ("refused", "complete", "3"))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("rows_at_a_time", [20_000, 7])
def test_the_worst_come_first_and_are_twenty_at_most(place, monkeypatch, rows_at_a_time):
    monkeypatch.setattr(fleet_summary, "_ROWS_AT_A_TIME", rows_at_a_time)
    output, inputs = begun(place, 1)
    work(output, inputs)
    row = dict.fromkeys(worker_job.TRIAGE_KINDS) | {
        "root": "QZZ",
        "strategy": "Stock",
        "reason": "why",
    }
    rows = [row | {"action": "HARVEST", "net_pl": Decimal(place)} for place in range(30)]
    rows += [
        row | {"action": "DEFENSE", "net_pl": loss} for loss in (None, Decimal(-5), Decimal(-9))
    ]
    rows += [row | {"net_pl": Decimal(-99)}] * 8
    (part,) = output.work.glob("*.triage.arrow")
    part.write_bytes(worker_job._as_arrow(rows, worker_job.TRIAGE_KINDS))
    (file,) = output.work.glob("*.json")
    outcomes = exact_json.loads(file.read_bytes())
    outcomes["inputs"][0]["rows"]["triage"] = len(rows)
    file.write_bytes(exact_json.dumps(outcomes))
    write_all(output, inputs)
    output.note_end(NOW, 1, len(inputs))
    shown = report(output)

    assert [each["net_pl"] for each in shown.worst[:4]] == [-9, -5, None, 0]
    assert len(shown.worst) == 20
    assert dict(shown.actions) == {"DEFENSE": 3, "HARVEST": 30}
    assert "3 DEFENSE, 30 HARVEST" in "\n".join(lines(shown))
    assert page(shown).count(b"<tr>") == 1 + 20


def test_a_job_holds_names_and_no_secret(place):
    """What travels to workers, by every field."""
    assert [field.name for field in structs.fields(Job)] == [
        "inputs",
        "broker",
        "round",
        "out",
        "configuration",
        "now",
        "installed",
    ]
    key = (place / "configuration" / "installation.key").read_text()
    assert not any(value in key for value in installed(None).values())


def test_profiles_of_a_broker_are_one_job_so_that_its_rates_hold_for_all(place):
    profiles = {"a": "acme", "b": "other", "c": "acme"}
    written = [f'[profiles.{name}]\nbroker = "{broker}"\n' for name, broker in profiles.items()]
    (place / "configuration" / "variance.toml").write_text("".join(written))
    named = [f'[[profile]]\nname = "{name}"\n' for name in (*profiles, "unknown")]
    (place / "fleet.toml").write_text('inputs = ["exports/*.csv"]\n' + "".join(named))
    exports(place, 2)
    inputs = read_manifest("fleet.toml").inputs
    fleet = Run(output=Output(place / "out"), inputs=inputs, configuration=None, now=NOW)
    empty = Job(inputs=(), round=1, out=place, configuration=None, now=NOW, installed={})
    jobs = [
        (each.broker, [one.profile for one in each.inputs])
        for each in fleet._jobs(empty, inputs, threads=1)
    ]

    assert jobs[:3] == [("acme", ["a", "c"]), ("other", ["b"]), (None, ["unknown"])]
    assert jobs[3:] == [(None, [None])] * 2
