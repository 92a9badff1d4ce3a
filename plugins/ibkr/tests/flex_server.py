"""A server on this machine that answers as the Flex Web Service does, and refuses what it refuses. For tests only."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

TOKEN = "invented-token-of-flex-000001"
QUERY = "123456"
REFERENCE = "4803261974"
SEND = "/AccountManagement/FlexWebService/SendRequest"
GET = "/AccountManagement/FlexWebService/GetStatement"
_XML = {"Content-Type": "text/xml;charset=UTF-8"}


def failure(code, message="Invented message about Quintus", status="Fail"):
    """The envelope of an error, as the service sends it, with status 200."""
    text = (
        f'<FlexStatementResponse timestamp="15 January, 2026 10:00 AM EST"><Status>{status}</Status>'
        f"<ErrorCode>{code}</ErrorCode><ErrorMessage>{message}</ErrorMessage></FlexStatementResponse>"
    )
    return 200, _XML, text.encode()


class Flex:
    """What the server holds, what was asked of it, and what it does wrong.

    Attributes:
        statement: the XML that is ready after `pending` answers of "in progress".
        faults: by path, a list of (status, headers, body) that is used up before the good answer.
        always: by path, an answer that never changes.
        now: seconds on the clock of the run.
        asked: (path, query, seconds) of each request.
        answered_url: in place of its own, where the statement is said to be.
    """

    def __init__(self, statement, now):
        self.statement, self.now = statement, now
        self.pending = 0
        self.faults, self.always = {}, {}
        self.asked = []
        self.url = ""
        self.answered_url = None

    def answer(self, method, target, headers, _body):
        address = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        now = self.now()
        recent = [at for _path, _query, at in self.asked if now - at < 60]
        self.asked.append((address.path, query, now))
        if method != "GET":
            return 405, {}, b""
        if not re.match(r"[\w.-]+/[\w.+-]+", headers.get("User-Agent", "")):
            return 403, {}, b""
        if len(recent) >= 10 or any(now - at < 1 for at in recent):
            return failure(1018)
        if self.faults.get(address.path):
            return self.faults[address.path].pop(0)
        if address.path in self.always:
            return self.always[address.path]
        return self._good(address.path, query)

    def _good(self, path, query):
        if query.get("t") != TOKEN:
            return failure(1015)
        if query.get("v") != "3":
            return (
                200,
                _XML,
                b"<FlexStatementResponse><code>Invalid request</code></FlexStatementResponse>",
            )
        if path == SEND:
            return self._started() if query.get("q") == QUERY else failure(1014)
        if path == GET:
            if query.get("q") != REFERENCE:
                return failure(1017)
            if self.pending:
                self.pending -= 1
                return failure(1019, status="Warn")
            return 200, _XML, self.statement.encode()
        return 404, {}, b""

    def _started(self):
        url = self.answered_url or f"{self.url}{GET}"
        text = (
            '<FlexStatementResponse timestamp="15 January, 2026 10:00 AM EST"><Status>Success</Status>'
            f"<ReferenceCode>{REFERENCE}</ReferenceCode><Url>{url}</Url></FlexStatementResponse>"
        )
        return 200, _XML, text.encode()
