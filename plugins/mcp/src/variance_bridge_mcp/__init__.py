"""`variance mcp`: positions for assistants, read-only, by the Model Context Protocol."""
