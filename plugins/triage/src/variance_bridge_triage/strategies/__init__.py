"""Puts legs together into strategies: pure functions from positions to clusters, named by strategies.toml."""
