"""What a dataset is made of: a schema, plans, shards, commits, and the page that makes them one dataset.

OUT/plan.json            what this folder is for; claims it, written first
OUT/shards/NAME.parquet  rows: one utterance or picture each; bytes depend on the shard's plan alone
OUT/commits/NAME.json    proof that the shard is whole: written after it, with rows, bytes, checksum, failures
OUT/failures.parquet     one row for each item that could not be used
OUT/dataset.json         format, conventions, vocabularies, totals, lineage; written last: the dataset is finished
"""
