"""One model over several processes: rank 0 decides, the others follow.

joining.py    the ranks find each other and load their parts
pipeline.py   a run of layers for every rank, for models that mlx-lm cannot split along their layers
"""
