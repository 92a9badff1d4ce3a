"""Variance Bridge plugin: triage."""
