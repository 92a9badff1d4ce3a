"""The triage as one HTML page: its template, its style, its script and its charts."""
