"""The description of a CSV format: its classes, the reader and checker of dialect files, and those at hand."""
