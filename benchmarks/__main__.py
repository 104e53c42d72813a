"""`python -m benchmarks`: every benchmark, one after the other."""

from benchmarks import foundation

for benchmark in (foundation,):
    benchmark.main()
