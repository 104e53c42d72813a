"""`python -m benchmarks`: every benchmark, one after the other."""

from benchmarks import foundation, lark_masks

for benchmark in (foundation, lark_masks):
    benchmark.main()
