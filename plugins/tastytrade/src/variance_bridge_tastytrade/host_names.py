"""The names of the hosts of tastytrade's API and of its account streamer. Imports nothing: the declaration of the plugin reads it."""

PRODUCTION_HOSTS = ("api.tastyworks.com", "api.tastytrade.com")
"""https://developer.tastytrade.com/docs/sandbox; the second is the vendor's own alias."""

SANDBOX_HOSTS = ("api.cert.tastyworks.com", "api.sandbox.tastytrade.com")
"""The second stands in the allow-list of the vendor's own MCP server."""

STREAMER_HOSTS = ("streamer.tastyworks.com", "streamer.cert.tastyworks.com")
"""Of production and of the sandbox: https://developer.tastytrade.com/docs/concepts/streaming."""
