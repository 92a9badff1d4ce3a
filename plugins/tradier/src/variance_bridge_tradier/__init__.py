"""The broker Tradier, for Variance Bridge."""
