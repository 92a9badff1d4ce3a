"""The conformance cases, by theme. Each has an ID, one sentence of docstring, and a place in docs/conformance.md."""
