"""`variance triage --changed-only`: an action wakes the trader once, by the documents that the history keeps."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from variance_bridge.document.convert import from_bytes, to_bytes
from variance_bridge.document.exact_json import loads
from variance_bridge.model import Meta, Portfolio, Status
from variance_bridge_history.database import FILE_NAME, open_history
from variance_bridge_triage.command import command

IRA, TAXED = "a1a1a1a1a1a1***", "b2b2b2b2b2b2***"


@pytest.fixture
def sync(tmp_path, monkeypatch, hold, now):
    """Write the document of an account, and keep it in the history: a short call with this profit of a credit of 400.50."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))

    def sync(profit, *, account=IRA, minutes=5, keep=True, call="-1 105C 45d"):
        held = (hold(call, cost_basis=Decimal("400.50"), unrealized_pl=Decimal(profit)),)
        meta = Meta(
            source="acme",
            account_hash=account,
            fetched_at=now - timedelta(minutes=minutes),
            currency="USD",
            status=Status.COMPLETE,
        )
        data = to_bytes(Portfolio(meta=meta, positions=held))
        name = f"live_{account[:4]}.json"
        (tmp_path / name).write_bytes(data)
        if keep:
            with open_history(tmp_path / FILE_NAME) as history:
                history.add(from_bytes(data)[0], data)
        return name

    return sync


@pytest.fixture
def triage(invoke, now):
    def triage(*arguments):
        result = invoke(command, *arguments, "--changed-only", "--fail-on", "any", now=now)
        return result.return_value, result.stdout, result.stderr

    return triage


def test_an_action_is_new_once(sync, triage):
    sync("10", minutes=60)
    code, out, _ = triage(sync("300.25", minutes=30))
    assert (code, out.startswith("HARVEST  a1a1")) == (9, True)

    assert triage(sync("310", minutes=5))[:2] == (0, "Nothing new needs action.\n")


def test_an_action_that_comes_back_is_new_again(sync, triage):
    sync("300", minutes=60)
    sync("10", minutes=30)

    assert triage(sync("300", minutes=5))[0] == 9


def test_a_strategy_with_other_legs_is_another_one(sync, triage):
    sync("300", minutes=60)

    assert triage(sync("300", minutes=5, call="-1 110C 45d"))[0] == 9
    assert triage(sync("300", minutes=2, call="-2 110C 45d"))[0] == 0


def test_each_account_has_a_history_of_its_own(sync, triage):
    sync("300", minutes=60)
    sync("10", account=TAXED, minutes=60)
    files = [sync("300"), sync("300", account=TAXED)]
    code, out, _ = triage(*files, "--json")
    (new,) = loads(out)["changed"]

    assert code == 9
    assert (new["account_hash"], new["root"], new["action"]) == (TAXED, "XYZ", "HARVEST")
    assert new["since"] == "2025-12-22T14:30:00Z"
    assert len(loads(out)["clusters"]) == 2


@pytest.mark.parametrize("keep", [True, False])
def test_without_an_earlier_document_everything_is_new_and_it_is_said(sync, triage, keep):
    code, _, err = triage(sync("300", keep=keep))

    assert code == 9
    assert "everything is new" in " ".join(err.split())
