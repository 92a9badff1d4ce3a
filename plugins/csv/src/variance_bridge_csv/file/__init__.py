"""From bytes to a table: the file, its text, its lines, which dialect it is written in, and where its rows are."""
