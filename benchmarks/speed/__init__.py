"""How fast Variance Bridge is, beside the least that Python itself needs for the same bytes. `benchmarks/run.py` is the command."""
