"""What the SDK `luxalgo-broker-sdk` makes of a payload of tastytrade's positions; run by a Python that has it.

From the payload to the JSON text of its own schema, beside `json.loads` and `json.dumps` of the payload. Prints the medians in
CPU seconds, and the median of the ratios.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from broker_sdk.adapters import adapters
from measure import in_process, pairs

payload = Path(sys.argv[1]).read_bytes()
times = int(sys.argv[2])


def mapped() -> None:
    positions = json.loads(payload)["data"]["items"]
    [account] = adapters["tastytrade"].normalize(
        {"accounts": [{"accountNumber": "invented", "positions": positions}]}
    )
    assert len(account.positions) == len(positions)
    json.dumps(account.to_dict())


pair = pairs(
    lambda: in_process(mapped),
    lambda: in_process(lambda: json.dumps(json.loads(payload))),
    times,
)
print(pair.ours, pair.beside, pair.ratio)
