"""The read-only session: which request may be sent, when again, and one try. Imports errors and privacy."""
