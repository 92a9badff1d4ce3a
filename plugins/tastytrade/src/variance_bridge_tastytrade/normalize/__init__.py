"""From what the API sent to accounts, a portfolio and market data: pure functions without I/O."""
