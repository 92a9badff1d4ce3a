"""What `variance demo` talks to: an invented account on an invented market, served on the loopback.

Needs no third-party package. The tests have a larger simulator of the API, with faults, which is built on these modules.
"""

from variance_bridge_tastytrade.demo_server.portfolio import DemoPortfolio
from variance_bridge_tastytrade.demo_server.server import DemoServer

__all__ = ["DemoPortfolio", "DemoServer"]
