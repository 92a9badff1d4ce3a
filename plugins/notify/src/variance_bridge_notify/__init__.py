"""Variance Bridge listeners: `command` runs a program of the user's after each sync, `webhook` posts to an address."""
