"""The payloads of a recording as trees, their rows, and what may happen to them over the years. Pure."""
