"""Front ends: what users write, compiled for the engine.

Imports point one way: `grammars` knows `constrained`, never the other way round.
"""
