"""What the user configured: settings, credentials, the installation's key. Imports storage and errors."""
