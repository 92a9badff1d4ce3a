"""Bounded reads, atomic replacement and the lock: the only room that touches files. Imports errors only."""
