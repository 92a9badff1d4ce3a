"""What may come from outside, each as a function of bytes that raises nothing but documented errors.

A target takes any bytes. It ends quietly when they are read or refused with words, and raises for what a user must never
see: an exception of Python's, a document that our own rules refuse, a character that a terminal obeys.

`scripts/fuzz.py` runs them by hand and for long; `test_fuzz.py` for a fixed number of inputs.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import attrs

from variance_bridge.broker import BrokerContext, Credential
from variance_bridge.document.check import check
from variance_bridge.document.convert import from_bytes, to_bytes, to_document
from variance_bridge.errors import BridgeError
from variance_bridge.model import Portfolio
from variance_bridge.network.session import Response
from variance_bridge.personal_values import PersonalValues, Secret
from variance_bridge.pipeline.contradictory_rows import settle
from variance_bridge.pipeline.enrich import enrich
from variance_bridge.pipeline.personal_data import find_personal
from variance_bridge.reading.engine_rows import positions, rows
from variance_bridge.reading.freshness import Freshness
from variance_bridge.reading.load import Snapshot
from variance_bridge.settings.configuration import (
    BrokerSettings,
    ProfileTable,
    broker_settings,
    read_configuration,
)
from variance_bridge.settings.credential_owner import Login
from variance_bridge.settings.credentials import CredentialStore
from variance_bridge.settings.keyring import Keyring
from variance_bridge.settings.toml import parse_toml
from variance_bridge.symbology import (
    FractionError,
    InstrumentType,
    SymbolError,
    parse,
    parse_fraction,
)
from variance_bridge_csv.broker import CsvBroker
from variance_bridge_csv.dialect_format.dialect_file import read_dialect
from variance_bridge_csv.settings import CsvSettings
from variance_bridge_tastytrade.broker import TastytradeBroker
from variance_bridge_tastytrade.plugin import variance_bridge_brokers
from variance_bridge_tastytrade.quotes import TastytradeQuotes
from variance_bridge_tastytrade.settings import TastytradeSettings

Target = Callable[[bytes], None]

CORPUS = Path(__file__).with_name("corpus")
NOW = datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)
_STATUS = re.compile(rb"HTTP ([245][0-9]{2})\n")
BODY_SEPARATOR = b"\n----\n"
BODIES = (
    "/oauth/token",
    "/customers/me/accounts",
    "/positions",
    "/balances",
    "/market-data/by-type",
    "/market-metrics",
)
"""The answers of a payload input, in its order; a path is known by its end."""


SHORTEST_TELLING = 12
"""Characters from which on a secret is no part of our own words by chance."""


class Finding(AssertionError):
    """A promise that an input broke."""


class _StoppedClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Pass no time."""


class _Replay:
    """A session that answers each path with the same bytes."""

    routes = ()

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self._bodies = bodies

    def get(self, url: str, **_given: Any) -> Response:
        """The path's answer; a first line `HTTP 403` is its status."""
        body = next((self._bodies[path] for path in BODIES if url.endswith(path)), b"")
        status = 200
        if found := _STATUS.match(body):
            status, body = int(found[1]), body[found.end() :]
        return Response(status=status, headers={"content-type": "application/json"}, body=body)

    def post_token(self, url: str, **_given: Any) -> Response:
        return self.get(url)


@cache
def _scratch() -> Path:
    """A folder of this process for inputs that are read from files; gone when the process ends."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(partial(shutil.rmtree, folder, ignore_errors=True))
    return folder


def _written(name: str, data: bytes) -> Path:
    path = _scratch() / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    return path


@contextmanager
def _refusals() -> Iterator[None]:
    """Documented errors end an input; their words must be fit for a terminal and a bug report."""
    try:
        yield
    except BridgeError as error:
        if not 2 <= error.exit_code <= 8:
            raise
        if error.__class__.__name__ == "PluginError":
            raise Finding("a built-in plugin counts as broken") from error


def _expect(condition: object, promise: str) -> None:
    if not condition:
        raise Finding(promise)


def _check_portfolio(portfolio: Portfolio, personal: PersonalValues) -> None:
    """What a broker of ours made of the input is publishable, or gives away something and would be sealed off."""
    meta = portfolio.meta
    counts = meta.counts
    _expect(counts is not None, "the rows are counted")
    if counts is not None:
        _expect(
            counts.fetched == counts.normalized + counts.closed + counts.rejected, "counts add up"
        )
        _expect(counts.normalized == len(portfolio.positions), "every kept row is a position")
    portfolio = attrs.evolve(portfolio, meta=attrs.evolve(meta, account_hash="0123456789ab***"))
    settled = settle(portfolio)
    document, violations = settled.document, settled.violations
    _expect(not violations, f"our own document is valid: {violations[:3]}")
    find_personal(document, personal)
    _check_reading(portfolio)


def _check_reading(portfolio: Portfolio) -> None:
    """Whatever is valid can be shown, and given to the engine, without a character that a terminal obeys."""
    from rich.console import Console

    from variance_bridge.cli.tables.positions_table import positions_table

    snapshot = Snapshot(
        portfolio=portfolio,
        freshness=Freshness.FRESH,
        read_at=NOW,
        age=NOW - portfolio.meta.fetched_at,
        warnings=(),
        path=Path("x.json"),
    )
    screen = io.StringIO()
    Console(file=screen, width=120, force_terminal=False).print(positions_table(snapshot))
    _expect(
        all(sign == "\n" or sign.isprintable() for sign in screen.getvalue()),
        "a table holds nothing that a terminal obeys",
    )
    rows(portfolio, NOW)
    positions(portfolio, NOW)


def csv(data: bytes) -> None:
    """A file for the broker `csv`, read by the dialect that its header names."""
    personal = PersonalValues()
    context = _context(
        CsvSettings(), personal, input_file=_written("export.csv", data), session=_Replay({})
    )
    with _refusals():
        broker = CsvBroker(context)
        for account in broker.accounts()[:3]:
            _check_portfolio(broker.normalize(broker.fetch(account)), personal)


def payload(data: bytes) -> None:
    """Six answers of the API, from the token to the metrics, each any bytes."""
    bodies = dict(zip(BODIES, data.split(BODY_SEPARATOR), strict=False))
    for path, body in _good_bodies().items():
        bodies.setdefault(path, body)
    personal = PersonalValues()
    context = _context(
        TastytradeSettings(),
        personal,
        session=_Replay(bodies),
        credentials={
            credential.name: Secret(f"credential-{credential.name}")
            for credential in variance_bridge_brokers()[0].credentials
        },
    )
    with _refusals():
        broker = TastytradeBroker(context)
        for account in broker.accounts()[:2]:
            portfolio = broker.normalize(broker.fetch(account))
            _check_portfolio(portfolio, personal)
            snapshot = TastytradeQuotes(context).fetch(portfolio)
            enriched = enrich(
                portfolio,
                snapshot,
                now=NOW,
                source="tastytrade",
                stale_after=timedelta(minutes=20),
            )
            _check_portfolio(enriched, personal)


@cache
def _good_bodies() -> Mapping[str, bytes]:
    whole = (CORPUS / "payload" / "every_type").read_bytes()
    return dict(zip(BODIES, whole.split(BODY_SEPARATOR), strict=True))


def _context(settings: Any, personal: PersonalValues, **given: Any) -> BrokerContext:
    return BrokerContext(
        settings=settings,
        clock=_StoppedClock(),
        personal=personal,
        **{"credentials": {}, **given},
    )


def symbol(data: bytes) -> None:
    """A symbol, and behind the first line feed what stands beside it: type, underlying, expiration."""
    text = data.decode("utf-8", errors="surrogateescape")
    spelled, *beside = text.split("\n")
    kind = beside[0] if beside and beside[0] else None
    underlying = beside[1] if len(beside) > 1 else None
    for hints in _hints(kind, underlying, beside[2:]):
        try:
            instrument = parse(spelled, **hints)
        except SymbolError as error:
            _expect(spelled not in str(error) or len(spelled) < 12, "an error does not repeat it")
            continue
        # OSI has no room for the slash of a class share: one that is in no table is known by its underlying alone.
        beside_it = {"underlying": instrument.underlying} if instrument.strike else {}
        again = parse(instrument.symbol, **{**hints, **beside_it})
        # A canonical future has a year of one digit: its decade is that of the day that is told.
        again = attrs.evolve(again, contract_month=instrument.contract_month)
        _expect(again == instrument, "a canonical symbol means what it was made from")
    for denominator in (2, 8, 32, 64, 320):
        try:
            parse_fraction(spelled, denominator)
        except FractionError:
            continue


def _hints(
    kind: str | None, underlying: str | None, rest: Sequence[str]
) -> Iterator[dict[str, Any]]:
    yield {}
    expires_on = None
    try:
        expires_on = date.fromisoformat(rest[0]) if rest else None
    except ValueError:
        expires_on = None
    yield {"instrument_type": kind, "underlying": underlying, "as_of": NOW.date()}
    yield {"instrument_type": kind, "expires_on": expires_on, "as_of": NOW.date()}
    for known in InstrumentType:
        yield {"instrument_type": known, "as_of": NOW.date()}


def document(data: bytes) -> None:
    """A positions file: read, judged, shown, and written again with the same meaning."""
    with _refusals():
        portfolio, _warnings = from_bytes(data)
        again, warnings = from_bytes(to_bytes(portfolio))
        _expect(not warnings, "what we write is of our own version")
        _expect(to_document(again) == to_document(portfolio), "the round trip changes nothing")
        check(to_document(portfolio))
        _check_reading(portfolio)


def configuration(data: bytes) -> None:
    """`variance.toml`, and all that is asked of it."""
    path = _written("configuration/variance.toml", data)
    with _refusals():
        read = read_configuration(path.parent, path, {})
        questions: list[Callable[[], object]] = [
            *(partial(read.top, key) for key in ("broker", "output_dir", "profile", "quotes")),
        ]
        for name in [*list(read.stated.profiles)[:3], "ira"]:
            questions.append(partial(read.profile, name))
            questions += [
                partial(_settings, read, settings, broker, name)
                for broker, settings in (
                    ("tastytrade", TastytradeSettings),
                    ("csv", CsvSettings),
                    ("plain", None),
                )
            ]
        for question in questions:
            with _refusals():
                question()


def _settings(read: Any, settings: type[Any] | None, broker: str, profile: str) -> BrokerSettings:
    profiles = read.stated.profiles
    return broker_settings(
        settings,
        configuration=read,
        broker=broker,
        profile=read.profile(profile) if profile in profiles else ProfileTable(),
        overrides={},
    )


def dialect(data: bytes) -> None:
    """A dialect file of the user's."""
    with _refusals():
        read_dialect(parse_toml(data.decode("utf-8", errors="replace"), "mine.toml"), "mine.toml")


def env(data: bytes) -> None:
    """A `.env` file, searched for every credential of a broker."""
    path = _written("secrets/.env", data)
    personal = PersonalValues()
    store = CredentialStore(
        environment={}, folders=(path.parent,), keyring=_NoKeyring(), personal=personal
    )
    declared = (*variance_bridge_brokers()[0].credentials, Credential("A", "a"))
    with _refusals():
        for credential in declared:
            found = store.find(Login("tastytrade"), credential)
            if found is not None and len(found.secret.reveal()) >= SHORTEST_TELLING:
                _expect(found.secret.reveal() not in repr(found), "a secret is not shown")
        store.states(Login("tastytrade"), declared)


class _NoKeyring(Keyring):
    """A machine without a keyring."""

    def read(self, broker: str, name: str) -> str | None:
        return None


TARGETS: Mapping[str, Target] = {
    "csv": csv,
    "payload": payload,
    "symbol": symbol,
    "document": document,
    "configuration": configuration,
    "dialect": dialect,
    "env": env,
}


def seeds(name: str) -> list[bytes]:
    """The committed corpus of a target, in a fixed order."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
