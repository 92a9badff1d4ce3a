"""What can come in place of a good JSON answer, and the exit code in which a sync then ends: the same for every broker."""

from __future__ import annotations

PAGE = (200, {"Content-Type": "text/html"}, b"<html>maintenance</html>")

FAULTS = [
    ((401, {}, b"Invalid Access Token"), 1, 4),
    ((403, {}, b"{}"), 1, 4),
    ((404, {}, b"{}"), 1, 6),
    ((410, {}, b"{}"), 1, 6),
    ((429, {}, b"Quota Violation"), 3, 5),
    ((429, {"Retry-After": "1"}, b""), 3, 5),
    ((500, {}, b'{"code":1000}'), 3, 5),
    ((503, {"Retry-After": "1"}, b""), 3, 5),
    ((504, {}, b"<html>gateway time-out</html>"), 3, 5),
    (PAGE, 1, 6),
    ((200, {}, b""), 1, 6),
    ((200, {}, b"null"), 1, 6),
    ((200, {}, b"[1"), 1, 6),
    ((200, {}, b'{"positions": {"posi'), 1, 6),
    ((200, {}, b'{"fault": {"faultstring": "Rate limit"}}'), 1, 6),
    ((200, {}, b'{"errors": [{"id": "invented", "status": 500}]}'), 1, 6),
    ((200, {}, b"[" * 5000), 1, 6),
    ((200, {}, b'"' + b"x" * 9_000_000 + b'"'), 1, 6),
    ((302, {"Location": "https://evil.example/"}, b""), 1, 4),
]
"""(status, headers, body), how often it comes, and the exit code."""
