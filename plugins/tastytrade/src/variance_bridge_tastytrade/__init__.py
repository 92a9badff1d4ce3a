"""Variance Bridge plugin: tastytrade."""
