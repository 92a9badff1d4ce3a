"""The read-only session: which request may be sent, when again, and one try. Imports storage, model, personal_values and errors."""
