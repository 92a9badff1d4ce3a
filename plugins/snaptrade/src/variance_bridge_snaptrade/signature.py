"""The signature that each request carries. Pure.

Source: https://docs.snaptrade.com/docs/request-signatures.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from variance_bridge import Secret


def signature(
    consumer_key: Secret, path: str, params: Sequence[tuple[str, str | Secret]]
) -> Secret:
    """The header field `Signature` of a GET.

    Args:
        consumer_key: the key of the HMAC-SHA256.
        path: as it is sent, with its prefix.
        params: of the query, in the order in which they are sent.
    """
    shown = [(name, one.reveal() if isinstance(one, Secret) else one) for name, one in params]
    # What is signed is the query as it is sent, so it is encoded as the session encodes it.
    query = urlencode(shown, quote_via=quote, safe="")
    signed = {"content": None, "path": path, "query": query}
    canonical = json.dumps(signed, separators=(",", ":"), sort_keys=True)
    digest = hmac.digest(consumer_key.reveal().encode(), canonical.encode(), hashlib.sha256)
    return Secret(base64.b64encode(digest).decode("ascii"))
