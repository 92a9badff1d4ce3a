"""The kit by which the author of a broker proves it. Needs the extra `testing` (pytest, hypothesis)."""
