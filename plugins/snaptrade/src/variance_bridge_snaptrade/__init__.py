"""The broker SnapTrade, for Variance Bridge: accounts at many institutions, through one aggregator."""
