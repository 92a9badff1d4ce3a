"""The broker Charles Schwab, for Variance Bridge."""
