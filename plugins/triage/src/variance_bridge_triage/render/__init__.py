"""The report as a terminal dashboard, as an HTML page and as JSON. Imports `rules` and `strategies`."""
