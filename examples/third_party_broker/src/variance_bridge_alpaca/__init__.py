"""The broker Alpaca, for Variance Bridge: an example of a plugin by a third party."""
