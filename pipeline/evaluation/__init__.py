"""Exact held-out likelihood of an exported model on a dataset, and what it generated beside what is real.

config.py       what an evaluation may be told
likelihood.py   every level of a split, scored once
baselines.py    what a model that knows nothing, or the histogram alone, would score
evaluation.py   the result: bits, baselines, bits by speaker or label; as JSON
parts.py        a dataset with some of its shards alone
against_real/   a generated dataset held against the split
"""
