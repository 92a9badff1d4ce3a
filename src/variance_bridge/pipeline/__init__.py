"""The way of a portfolio from a broker to its file: one run of one broker. Imports everything below it, never reading or cli."""
