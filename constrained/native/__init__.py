"""The engine compiled ahead of time to C by mypyc, where there is a C compiler; else the sources run (decision 21)."""
