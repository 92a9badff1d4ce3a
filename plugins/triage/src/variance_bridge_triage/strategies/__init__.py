"""Puts legs together into strategies: pure functions from positions to clusters, named by strategy_names.toml."""
