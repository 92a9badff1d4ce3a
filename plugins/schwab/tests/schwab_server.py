"""A server on this machine that answers as Schwab does, and refuses what it refuses. For tests only."""

from __future__ import annotations

import base64
import json
import threading
from urllib.parse import parse_qs, quote, urlencode, urlsplit

KEY, SECRET = "invented-app-key", "invented-app-secret"
REFRESH = "invented-refresh-token-1"
ACCESS = "invented-access-token"
CALLBACK = "https://127.0.0.1:8182/callback"

AUTHORIZE, TOKEN = "/v1/oauth/authorize", "/v1/oauth/token"
NUMBERS = "/trader/v1/accounts/accountNumbers"


class Schwab:
    """What the server holds, what was asked of it, and what it does wrong.

    Attributes:
        answers: JSON by path.
        refresh: the refresh token that it takes.
        rotates: the refresh token that it grants in its place; None for the same.
        takes_each_once: it grants a new refresh token each time, and takes the old one never again.
        code: the code of a log-in, good for one exchange.
        faults: by path, a list of (status, headers, body) that is used up before the good answer.
        asked: method and target of each request.
    """

    def __init__(self, answers):
        self.answers = answers
        self.refresh, self.rotates, self.code = REFRESH, None, None
        self.takes_each_once = False
        self.lock = threading.Lock()
        self.faults = {}
        self.asked = []
        self.url = ""

    def answer(self, method, target, headers, body):
        with self.lock:
            return self._answer(method, target, headers, body)

    def _answer(self, method, target, headers, body):
        address = urlsplit(target)
        self.asked.append((method, target))
        if self.faults.get(address.path):
            return self.faults[address.path].pop(0)
        if address.path == TOKEN:
            return self._token(method, headers, body)
        if method != "GET":
            return self._error(405)
        if address.path == AUTHORIZE:
            return self._authorize(parse_qs(address.query))
        if headers.get("Authorization") != f"Bearer {ACCESS}":
            return self._error(401)
        # A path with an account number in place of its hash is not found either.
        if address.path not in self.answers:
            return self._error(404)
        if address.path != NUMBERS and address.query not in ("", "fields=positions"):
            return self._error(400)
        return 200, {}, json.dumps(self._with_fields(address)).encode()

    def _with_fields(self, address):
        """Without `fields=positions` there are none."""
        found = self.answers[address.path]
        if address.path == NUMBERS or address.query or not isinstance(found, dict):
            return found
        account = {**found["securitiesAccount"]}
        account.pop("positions", None)
        return {**found, "securitiesAccount": account}

    def _authorize(self, query):
        good = query.get("client_id") == [KEY] and query.get("response_type") == ["code"]
        if not good or query.get("redirect_uri") != [CALLBACK]:
            return self._error(400)
        self.code = "C0.invented/code@"
        answer = {"code": self.code, "session": "invented-session", "state": query["state"][0]}
        return 302, {"Location": f"{CALLBACK}?{urlencode(answer, quote_via=quote)}"}, b""

    def _token(self, method, headers, body):
        pair = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if method != "POST":
            return self._error(405)
        if headers.get("Content-Type") != "application/x-www-form-urlencoded":
            return self._error(415)
        if headers.get("Authorization") != f"Basic {pair}":
            return 401, {}, b'{"error": "invalid_client"}'
        if not self._takes(form):
            return 400, {}, b'{"error": "unsupported_token_type", "error_description": "invented"}'
        if self.takes_each_once:
            self.rotates = f"invented-refresh-token-{len(self.asked) + 1}"
        self.refresh, self.rotates = self.rotates or self.refresh, None
        granted = {"expires_in": 1800, "token_type": "Bearer", "scope": "api", "access_token": ACCESS, "refresh_token": self.refresh, "id_token": "invented-id-token"}  # fmt: skip
        return 200, {}, json.dumps(granted).encode()

    def _takes(self, form):
        if form.get("grant_type") == "refresh_token":
            return form.get("refresh_token") == self.refresh
        code, self.code = self.code, None
        good = form.get("grant_type") == "authorization_code" and code is not None
        return good and (form.get("code"), form.get("redirect_uri")) == (code, CALLBACK)

    @staticmethod
    def _error(status):
        errors = [
            {"id": "invented", "status": str(status), "title": "Refused", "detail": "invented"}
        ]
        return status, {}, json.dumps({"errors": errors}).encode()
