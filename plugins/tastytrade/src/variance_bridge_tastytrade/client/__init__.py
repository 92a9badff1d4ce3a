"""The way to tastytrade and back: hosts, access, rates, and what an answer means."""
