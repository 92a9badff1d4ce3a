"""The broker Interactive Brokers (Flex Web Service), for Variance Bridge."""
