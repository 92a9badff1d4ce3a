"""How the read-only session reaches a broker: which addresses, by which policy, when again, and over which wire."""
