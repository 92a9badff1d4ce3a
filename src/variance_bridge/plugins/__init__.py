"""Which plugins are installed, loading them, and the consent they need. Imports storage, settings and what is below."""
