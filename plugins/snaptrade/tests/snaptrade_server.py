"""A server on this machine that answers as SnapTrade does, and refuses what it refuses. For tests only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import parse_qs

CLIENT_ID = "INVENTED+CLIENT"
CONSUMER_KEY = "invented-consumer-key"
USER_ID, USER_SECRET = "invented user/1", "invented-secret-of-the-user"
OLD_PREFIX = "/api/v1"
TOLERANCE_SECONDS = 120


class SnapTrade:
    """What the server holds, what was asked of it, and what it does wrong.

    Attributes:
        answers: JSON by path, without a prefix.
        commercial: the key is a Commercial one, which names its user in each request; else a user is refused.
        faults: by path, a list of (status, headers, body) that is used up before the good answer.
    """

    def __init__(self, answers):
        self.answers = answers
        self.commercial = False
        self.faults = {}
        self.asked = []
        self.url = ""

    def answer(self, method, target, headers, _body):
        path, _, query = target.partition("?")
        self.asked.append((method, path, query))
        if method != "GET":
            return 405, {}, b"{}"
        if headers.get("Signature") != _signature(path, query):
            return 401, {}, _refusal("Unable to verify signature sent", 1076)
        given = {name: values[0] for name, values in parse_qs(query).items()}
        if given.get("clientId") != CLIENT_ID:
            return 401, {}, _refusal("Invalid client ID", 1083)
        if abs(time.time() - int(given["timestamp"])) > TOLERANCE_SECONDS:
            return 401, {}, _refusal("Timestamp is too old or in the future", 1077)
        user = {"userId": USER_ID, "userSecret": USER_SECRET} if self.commercial else {}
        if {name: value for name, value in given.items() if name.startswith("user")} != user:
            return 400, {}, _refusal("Unable to verify data sent", 1076)
        return self._body(path.removeprefix(OLD_PREFIX))

    def _body(self, path):
        if self.faults.get(path):
            return self.faults[path].pop(0)
        if path not in self.answers:
            return 404, {}, _refusal("The requested resource does not exist.", 1011)
        headers = {"X-RateLimit-Limit": "250", "X-RateLimit-Remaining": "240"}
        return 200, headers, json.dumps(self.answers[path]).encode()


def _signature(path, query):
    # Written from the documentation and not with the plugin's code.
    text = f'{{"content":null,"path":"{path}","query":"{query}"}}'
    digest = hmac.new(CONSUMER_KEY.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _refusal(detail, code):
    return json.dumps({"detail": detail, "status_code": 401, "code": code}).encode()
