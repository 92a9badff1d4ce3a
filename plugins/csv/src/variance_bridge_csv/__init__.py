"""Variance Bridge plugin: csv."""
