"""What was held when: a listener that keeps documents, and the commands `history` and `diff`."""
