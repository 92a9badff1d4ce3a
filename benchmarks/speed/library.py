"""Rows that measure the library in a process that is warm: from bytes to a published file, and from a file to positions."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from speed import inputs
from speed.commands import workplace
from speed.measure import Pair, in_process, pairs
from variance_bridge import load
from variance_bridge.document import exact_json
from variance_bridge.document.check import check
from variance_bridge.document.schema import is_valid
from variance_bridge.network.session import Response
from variance_bridge.personal_values import Secret
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.pipeline.sync import sync
from variance_bridge.pipeline.sync_records import SyncRequest
from variance_bridge.settings.configuration import Configuration


class Answers:
    """A session whose answers are in memory already: the network costs nothing, reading the JSON costs what it costs."""

    routes = ()

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self._answers = answers

    def get(self, url: str, **_more: Any) -> Response:
        body = next(body for end, body in self._answers.items() if url.endswith(end))
        return Response(status=200, headers={}, body=body)

    def post_token(self, _url: str, **_more: Any) -> Response:
        granted = {
            "access_token": "invented-token-of-the-benchmark",
            "expires_in": 900,
            "scope": "read",
        }
        return Response(status=200, headers={}, body=json.dumps(granted).encode())


def tastytrade(count: int, times: int) -> Pair:
    """What the API sent to a published file, beside `json.loads` and `json.dumps` of the positions' payload."""
    now = inputs.moment()
    payload = inputs.answer("/accounts/positions", inputs.rows_of_api(count, now))
    listed = [{"account": {"account-number": inputs.ACCOUNT, "is-closed": False}}]
    answers = {
        "/accounts": inputs.answer("/customers/me/accounts", listed),
        "/positions": payload,
        "/balances": inputs.answer("/balances", [inputs.balances_of_api(count, now)]),
    }
    with workplace() as (folder, _environment):

        def ours() -> None:
            context = RunContext(
                configuration=Configuration(folder=folder, file=None),
                find_credential=lambda _broker, one: Secret(f"invented-{one.name}"),
                open_session=lambda _reach: Answers(answers),
                hash_account=lambda _broker, _number: "a1b2c3d4e5f6***",
            )
            choice = Choice(broker="tastytrade")
            published(context, SyncRequest(choice=choice, output=folder / "o.json", quotes="none"))

        return pairs(
            lambda: in_process(ours),
            lambda: in_process(lambda: json.dumps(json.loads(payload))),
            times,
        )


def csv_file(count: int, times: int) -> Pair:
    """A CSV file to a published file, beside `list(csv.DictReader(file))` and `json.dumps` of it."""
    data = inputs.csv_export(count, inputs.moment())
    with workplace() as (folder, _environment):
        file = folder / "export.csv"
        file.write_bytes(data)

        def ours() -> None:
            context = RunContext(
                configuration=Configuration(folder=folder, file=None),
                hash_account=lambda _broker, _number: "a1b2c3d4e5f6***",
            )
            choice = Choice(broker="csv", input_file=file)
            published(context, SyncRequest(choice=choice, output=folder / "o.json"))

        def beside() -> None:
            json.dumps(list(csv.DictReader(io.StringIO(data.decode(), newline=""))))

        return pairs(lambda: in_process(ours), lambda: in_process(beside), times)


def published(context: RunContext, request: SyncRequest) -> None:
    """Sync onto a file that is not there yet."""
    assert request.output is not None
    request.output.unlink(missing_ok=True)
    sync(context, request)
    assert request.output.stat().st_size


def gate(count: int, times: int) -> Pair:
    """The schema's verdict on a document, beside `json.loads` of it."""
    text = exact_json.dumps(inputs.document(count, inputs.moment()))
    document = exact_json.loads(text)
    assert is_valid(document)
    return pairs(
        lambda: in_process(lambda: is_valid(document)),
        lambda: in_process(lambda: json.loads(text)),
        times,
    )


def _reading(read: Callable[[Path, datetime], object], count: int, times: int) -> Pair:
    now = inputs.moment()
    with workplace() as (folder, _environment):
        file = folder / "live_acme.json"
        file.write_bytes(exact_json.dumps(inputs.document(count, now)))
        file.chmod(0o600)
        return pairs(
            lambda: in_process(lambda: read(file, now)),
            lambda: in_process(lambda: json.loads(file.read_bytes())),
            times,
        )


def load_document(count: int, times: int) -> Pair:
    """`variance_bridge.load`, beside `json.loads` of the file."""

    def read(file: Path, now: datetime) -> None:
        assert len(load(file, now=now).portfolio.positions) == count

    return _reading(read, count, times)


def validate(count: int, times: int) -> Pair:
    """What `variance validate` does with a file, beside `json.loads` of it."""

    def read(file: Path, _now: datetime) -> None:
        assert not check(exact_json.loads(file.read_bytes()))

    return _reading(read, count, times)


def triage(times: int) -> Pair:
    """Strategies and triage of 20,000 legs of one underlying, all expirations different, beside 2,000."""
    from variance_bridge_triage.rules.report import triage as report
    from variance_bridge_triage.rules.thresholds import shipped_thresholds

    now = inputs.moment()
    thresholds = shipped_thresholds()
    with workplace() as (folder, _environment):

        def snapshot(count: int) -> Any:
            file = folder / "live_acme.json"
            file.write_bytes(exact_json.dumps(inputs.legs(count, now)))
            return load(file, now=now)

        many, few = snapshot(20_000), snapshot(2_000)
        return pairs(
            lambda: in_process(lambda: report(many, thresholds, now)),
            lambda: in_process(lambda: report(few, thresholds, now)),
            times,
        )
