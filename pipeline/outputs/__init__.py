"""Datasets in the layouts that others read: one part of a dataset is written by one call of plain code.

A part is a few shards of the dataset. Its files depend on the dataset and the settings alone, so that any worker writes
the same bytes at any time; a record of what was written is what a rerun goes by.
"""
