"""The formats of `variance export`, each a pure function from portfolios to bytes. Imports reading and what is below."""
