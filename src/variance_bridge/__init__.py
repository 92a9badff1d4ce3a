"""Variance Bridge: positions of any broker in one documented form."""

__version__ = "0.1.0"
