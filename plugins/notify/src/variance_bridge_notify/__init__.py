"""Variance Bridge listener `command`: runs a program of the user's after each sync."""
