"""Variance Bridge plugin: clusters legs into strategies and says which of them need action."""
