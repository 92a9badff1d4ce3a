"""What the tests of the CSV broker share: reading a text or a file as the core would."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from variance_bridge.broker import BrokerContext
from variance_bridge.cli.error_report import run
from variance_bridge.document.convert import to_document
from variance_bridge.personal_values import PersonalValues
from variance_bridge_csv.broker import CsvBroker
from variance_bridge_csv.settings import CsvSettings

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
MODIFIED = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


class FrozenClock:
    def now(self):
        return NOW

    def monotonic(self):
        return 0.0

    def sleep(self, seconds):
        raise AssertionError("reading a file waits for nothing")


@attrs.define
class Outcome:
    """A file, read: one document per account, and what the user was told."""

    accounts: list
    documents: list
    warnings: list
    personal: PersonalValues
    portfolios: list
    raws: list
    broker: CsvBroker

    @property
    def document(self):
        (only,) = self.documents
        return only

    @property
    def positions(self):
        return self.document["positions"]

    @property
    def meta(self):
        return self.document["meta"]

    def cautions(self, row=None):
        return sorted(
            flag["caution"]
            for flag in self.meta.get("flags", [])
            if row is None or flag.get("row") == row
        )


@pytest.fixture
def read_csv(tmp_path):
    def read(
        content,
        *,
        name="positions.csv",
        dialect=None,
        folder=None,
        modified=MODIFIED,
        **settings,
    ):
        path = content if isinstance(content, Path) else tmp_path / name
        if isinstance(content, str):
            content = content.encode("utf-8")
        if isinstance(content, bytes):
            path.write_bytes(content)
            os.utime(path, (modified.timestamp(), modified.timestamp()))
        warnings = []
        personal = PersonalValues()
        broker = CsvBroker(
            BrokerContext(
                settings=CsvSettings(dialect=dialect, **settings),
                credentials={},
                session=None,
                clock=FrozenClock(),
                personal=personal,
                input_file=path,
                folder=folder,
                warn=warnings.append,
            )
        )
        accounts = list(broker.accounts())
        raws = [broker.fetch(account) for account in accounts]
        portfolios = [broker.normalize(raw) for raw in raws]
        documents = [to_document(portfolio) for portfolio in portfolios]
        return Outcome(accounts, documents, warnings, personal, portfolios, raws, broker)

    return read


@pytest.fixture
def files():
    return Path(__file__).parent / "files"


@pytest.fixture
def variance(tmp_path, monkeypatch, capsys):
    """Run a command in a folder of its own: its exit code, stdout and stderr."""
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = run(list(map(str, arguments)))
        done = capsys.readouterr()
        return code, done.out, done.err

    return call
