"""Benchmarks: one question a file, one claim each. `make bench` runs them all and prints the tables."""
