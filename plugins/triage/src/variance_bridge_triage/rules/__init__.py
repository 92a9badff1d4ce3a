"""What a cluster's numbers are, which action they ask for, and the report that holds both. Imports `strategies`."""
