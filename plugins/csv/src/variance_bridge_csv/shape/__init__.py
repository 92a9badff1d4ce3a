"""From a file as its broker lays it out to one plain table: parts of the file, joins, rows below rows, cells out of cells."""
