"""Requests → plans → one generated shard: draws from an exported model, in the format of a prepared dataset.

requests.py   one line of a requests file
fields.py     its fields, checked
departures.py temperature, top_k, top_p, guidance
timing.py     its durations and phones, in timesteps
pitch.py      the pitch that it asks for
speech.py     what is said, as columns of a row
reading.py    the file: a stream, checked whole before anything is drawn
plan.py       requests × count → items → shards
shard.py      one shard: lanes in lockstep, rows, commit
export.py     WAV and PNG files beside the dataset
"""
