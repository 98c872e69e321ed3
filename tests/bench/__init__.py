"""Benchmarks, run by `tox -e bench -- NAME`: each prints a table and writes `bench-NAME.json`."""
