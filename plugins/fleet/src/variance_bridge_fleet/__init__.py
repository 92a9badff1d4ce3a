"""`variance fleet`: thousands of accounts on a Dask cluster, each through the pipeline of `variance sync`."""
