"""From one row of the table to a position: its cells, its instrument, its money."""
