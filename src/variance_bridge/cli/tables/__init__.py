"""Tables of positions on the terminal: of one account, and of several. Imports reading and what is below."""
