"""The broker `csv`: position files that brokers export, read by dialects that are described in data."""
