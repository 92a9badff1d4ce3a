"""A broker with an API, for profiles: a server that counts on the loopback, and the plugin that asks it, installed for workers too."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

PLUGIN = """
from decimal import Decimal
import attrs
from variance_bridge import *
from variance_bridge.broker import RateLimit
from variance_bridge.rows import json_of

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(
        name="acme", slug="acme", title="Acme", broker="acme_plugin:Broker", hosts=("api.acme.example",), settings="acme_plugin:Settings",
        credentials=(Credential("ACME_TOKEN", "API token"), Credential("ACME_SECRET", "API secret")),
        rate_limits=(RateLimit(requests=3), RateLimit(requests=12, seconds=6)))]

@attrs.frozen(kw_only=True)
class Settings:
    base_url: str | None = setting(None, title="a server on this machine", environment="ACME_URL")
    client: str = setting("0", title="whose accounts")

class Broker:
    def __init__(self, context):
        self.context = context
    def ask(self, path):
        known = self.context.credentials
        headers = {"Authorization": known["ACME_TOKEN"], "X-Secret": known["ACME_SECRET"]}
        return json_of(self.context.session.get(self.context.settings.base_url + path, headers=headers), hint="log in again")
    def accounts(self):
        return [Account(number=number) for number in self.ask(f"/accounts?client={self.context.settings.client}")]
    def fetch(self, account):
        payloads = {"positions": self.ask("/positions")}
        return RawPortfolio(account=account, payloads=payloads, fetched_at=self.context.clock.now(), environment=Environment.SIMULATOR)
    def normalize(self, raw):
        rows = raw.payloads["positions"]
        holdings = tuple(Holding(root=each, symbol=each, type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(7)) for each in rows)
        counts = Counts(fetched=len(rows), normalized=len(rows), closed=0, rejected=0)
        return Portfolio(meta=Meta(source="acme", fetched_at=raw.fetched_at, counts=counts), positions=holdings)
"""
RATES = ((3, 1.0), (12, 6.0))
TOKEN, SECRET = "canary-token-8c41d2", "canary-secret-77aa31"
"""What the server takes, and nothing but a worker may know."""


class Acme:
    """The server: when it was asked, and an outage now and then, so that there are second tries.

    From request number `held_from` on it answers nothing until `may_answer` is set, so that a test can look at a run that cannot end meanwhile.
    """

    def __init__(self, held_from: int | None = None) -> None:
        self.url = ""
        self.asked: list[float] = []
        self.may_answer = threading.Event()
        self._held_from = held_from
        self._lock = threading.Lock()

    def answer(self, _method, target, headers, _body):
        with self._lock:
            self.asked.append(time.monotonic())
            count = len(self.asked)
        if self._held_from is not None and count >= self._held_from:
            self.may_answer.wait(120)
        if (headers.get("Authorization"), headers.get("X-Secret")) != (TOKEN, SECRET):
            return 401, {}, b"{}"
        if count % 7 == 3:
            return 503, {}, b"{}"
        client = target.partition("client=")[2]
        found = [f"ZZ-000{client}"] if client else ["QZA", "QZB"]
        return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()


def install_plugin(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str = PLUGIN) -> Path:
    """The plugin `acme` in a folder that this process's children find, and allowed there."""
    site = folder / "site"
    (site / "acme_plugin.py").parent.mkdir()
    (site / "acme_plugin.py").write_text(source)
    write_distribution(site, "acme-plugin", "1.0", "[variance_bridge]\nacme = acme_plugin\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    return site


def write_distribution(site: Path, name: str, version: str, entry_points: str = "") -> None:
    """What says that a distribution is installed."""
    information = site / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (information / "METADATA").write_text(metadata)
    (information / "entry_points.txt").write_text(entry_points)


def profiles(folder: Path, count: int, url: str) -> Path:
    """A manifest of so many profiles of the broker, and the configuration that has them."""
    configuration = folder / "configuration" / "variance.toml"
    texts = ['[plugins]\nallow = ["acme-plugin"]\n', f'[brokers.acme]\nbase_url = "{url}"\n']
    texts += [
        f'[profiles.client-{number}]\nbroker = "acme"\nclient = "{number}"\n'
        for number in range(count)
    ]
    configuration.write_text("".join(texts))
    manifest = folder / "clients.toml"
    names = (f'[[profile]]\nname = "client-{number}"\n' for number in range(count))
    manifest.write_text("".join(names))
    return manifest
