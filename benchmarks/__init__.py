"""Benchmarks: one question a file, one claim each. README.md says how they run and how one registers."""
