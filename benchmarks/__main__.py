"""`python -m benchmarks`: every benchmark, one after the other."""

from benchmarks import batch_caches, batching, foundation, lark_masks

for benchmark in (foundation, lark_masks, batch_caches, batching):
    benchmark.main()
