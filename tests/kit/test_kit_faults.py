"""A broker with each of the typical faults is failed by the kit, by the case that is meant for it, and a good one by none."""

from __future__ import annotations

import pytest

READ = "collect(rows, read_row)"
EACH = (
    'collect(rows, lambda row: __import__("attrs").evolve(found, {})'
    ' if (found := read_row(row)) is not __import__("variance_bridge.rows").rows.CLOSED else found)'
)
FAULTS = {
    "sign": (
        "SIGN-01",
        "broker.py",
        READ,
        EACH.format("market_value=found.market_value and abs(found.market_value)"),
    ),
    "side": (
        "SIGN-05",
        "positions.py",
        "side_of(quantity)",
        '__import__("variance_bridge").Side.LONG',
    ),
    "multiplier": (
        "MULT-02",
        "positions.py",
        'row.multiplier("multiplier", kind)',
        '__import__("decimal").Decimal(1)',
    ),
    "account_in_symbol": (
        "PRIV-01",
        "broker.py",
        READ,
        EACH.format("broker_symbol=raw.account.number"),
    ),
    "file_in_normalize": (
        "PURE-02",
        "broker.py",
        "        rows = list_of(",
        "        open(__file__).read(0)\n        rows = list_of(",
    ),
    "float_money": (
        "EXACT-02",
        "broker.py",
        READ,
        "collect([row | {n: str(float(row[n])) for n in ('average_price', 'mark')} for row in rows], read_row)",
    ),
    "crash_on_null": (
        "DRIFT-02",
        "broker.py",
        READ,
        "collect([row for row in rows if row['symbol'].strip()], read_row)",
    ),
    "uncounted_row": (
        "COUNT-02",
        "broker.py",
        READ,
        "collect([row for row in rows if row['quantity'] != '0'], read_row)",
    ),
    "clock": (
        "PURE-03",
        "broker.py",
        "        rows = list_of(",
        '        __import__("time").time_ns()\n        rows = list_of(',
    ),
    "silent_drop": (
        "ROW-01",
        "broker.py",
        READ,
        "collect([row for row in rows if isinstance(row, dict) and row.get('symbol')], read_row)",
    ),
    "post": (
        "READ-02",
        "broker.py",
        "        fetched_at = self._context.clock.now()\n",
        """        fetched_at = self._context.clock.now()
        self._context.session.post_token(HOST + "/v1/orders", json={"symbol": "SPY"})
""",
    ),
    "outage_as_empty": (
        "FAIL-03",
        "broker.py",
        "        self._api = ApiClient(context, HOST, log_in, hint=HINT)\n",
        """        self._asked = ApiClient(context, HOST, log_in, hint=HINT).get
        self._api = self

    def get(self, path):
        try:
            return self._asked(path)
        except Exception:
            return {"accounts": [], "positions": []}
""",
    ),
}


def brokers(workshop, above):
    """A good broker, and one with each of the faults."""
    projects = {name: workshop.project(name, above / name) for name in ("good", *FAULTS)}
    for name, (_case, file, right, wrong) in FAULTS.items():
        path = projects[name] / "src" / f"variance_bridge_{name}" / file
        text = path.read_text()
        assert text.count(right) == 1, f"{name}: the template changed, {right!r} is not in it once"
        path.write_text(text.replace(right, wrong))
    return projects


@pytest.fixture(scope="module")
def outcome(workshop, tmp_path_factory):
    """Each faulty broker is put through the case that is meant for it, and the good one through all of these."""
    projects = brokers(workshop, tmp_path_factory.mktemp("brokers"))
    meant = {name: fault[0] for name, fault in FAULTS.items()}
    nodes = [workshop.node(projects[name], case) for name, case in meant.items()]
    nodes += [workshop.node(projects["good"], case) for case in meant.values()]
    return projects, workshop.run(list(projects.values()), *nodes)


@pytest.mark.parametrize("name", FAULTS)
def test_a_typical_fault_is_failed_by_the_case_that_is_meant_for_it(outcome, name):
    projects, results = outcome
    meant = FAULTS[name][0]

    assert results.of(projects[name])[meant] == "failed"
    assert results.message(projects[name], meant).startswith(f"{meant}: ")


def test_a_good_broker_passes_all_of_these_cases(outcome):
    projects, results = outcome

    meant = {fault[0] for fault in FAULTS.values()}
    assert results.of(projects["good"]) == dict.fromkeys(meant, "passed")


def test_a_failure_reads_like_sentences_and_says_what_to_do(outcome):
    projects, results = outcome

    message = results.message(projects["float_money"], "EXACT-02").splitlines()
    assert message[:2] == [
        "EXACT-02: A price with 16 decimals arrives with all of them, and so does the money that it makes.",
        "  - positions.json, row 1: average_price loses digits on its way to average_price",
    ]
    assert message[-2] == "  - and 2 more of the kind"
    assert message[-1].startswith(
        "  What to do: Build a Decimal from the text or number as it came"
    )


@pytest.mark.slow
def test_each_fault_is_failed_by_the_whole_kit_too(workshop, tmp_path):
    projects = brokers(workshop, tmp_path)
    results = workshop.run(list(projects.values()), *(one / "tests" for one in projects.values()))

    failed = {
        name: {one for one, result in results.of(projects[name]).items() if result == "failed"}
        for name in projects
    }
    assert failed.pop("good") == set()
    assert all(FAULTS[name][0] in cases for name, cases in failed.items())
