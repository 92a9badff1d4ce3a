"""The job of `variance sync --broker tastytrade`, written with the public SDK `tastytrade`; run by a Python that has it.

Accounts, positions with marks and balances, as JSON with exact decimals in a file that is replaced as a whole.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import tastytrade.session
from tastytrade import Account, Session

tastytrade.session.API_URL = os.environ["API_BASE_URL"]


async def main(output: Path) -> None:
    session = Session(os.environ["TT_CLIENT_SECRET"], os.environ["TT_REFRESH_TOKEN"])
    async with session:
        [account] = await Account.get(session)
        positions = await account.get_positions(session, include_marks=True)
        balances = await account.get_balances(session)
    document = {
        "balances": balances.model_dump(mode="json"),
        "positions": [position.model_dump(mode="json") for position in positions],
    }
    draft = output.with_suffix(".tmp")
    draft.write_text(json.dumps(document))
    draft.replace(output)


asyncio.run(main(Path(sys.argv[1])))
