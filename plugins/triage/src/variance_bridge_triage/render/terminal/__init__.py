"""The triage on a terminal: the dashboard and its parts. Readable at 80 columns and without colour."""
