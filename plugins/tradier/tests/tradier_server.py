"""A server on this machine that answers as Tradier does, and refuses what it refuses. For tests only."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

TOKEN = "invented-token-of-tradier"


class Tradier:
    """What the server holds, what was asked of it, and what it does wrong.

    Attributes:
        answers: JSON by path; quotes by symbol.
        faults: by path, a list of (status, headers, body) that is used up before the good answer.
    """

    def __init__(self, answers, quotes):
        self.answers, self.quotes = answers, quotes
        self.faults = {}
        self.asked = []
        self.url = ""

    def answer(self, method, target, headers, _body):
        address = urlsplit(target)
        self.asked.append((method, target))
        if method != "GET":
            return 405, {}, b"{}"
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"Content-Type": "text/plain"}, b"Invalid Access Token"
        if headers.get("Accept") != "application/json":
            return 200, {"Content-Type": "application/xml"}, b"<?xml version='1.0'?><profile/>"
        if self.faults.get(address.path):
            return self.faults[address.path].pop(0)
        if address.path == "/v1/markets/quotes":
            return 200, {}, json.dumps(self._quotes(parse_qs(address.query))).encode()
        if address.path not in self.answers:
            return 404, {}, b'{"fault":{"faultstring":"not found"}}'
        return 200, {}, json.dumps(self.answers[address.path]).encode()

    def _quotes(self, query):
        symbols = query["symbols"][0].split(",")
        assert len(symbols) <= 100
        assert query["greeks"] == ["true"]
        found = [self.quotes[symbol] for symbol in symbols if symbol in self.quotes]
        unknown = [symbol for symbol in symbols if symbol not in self.quotes]
        held = {"unmatched_symbols": {"symbol": unknown}} if unknown else {}
        if found:
            held["quote"] = found[0] if len(found) == 1 else found
        return {"quotes": held}
