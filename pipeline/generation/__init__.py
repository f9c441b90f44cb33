"""Requests → plans → one generated shard: draws from an exported model, in the format of a prepared dataset.

What is asked for
    sources.py         JSON Lines, CSV, Parquet, grids: requests as a stream
    grid.py            every combination of the values of its axes; apportion.py shares them out to splits
    reading.py         the stream, checked whole before anything is drawn
    target.py          what requests to a model are held to, and their keys
    requests.py        one request; fields.py, departures.py, splits.py check its fields
    speech.py          what is said, as columns of a row: timing.py its lengths, pitch.py its pitch
    prefixes.py        the start of a waveform that is given
    pictures.py        pixels that are given and small pictures that are shared, from given_files.py, pictures_rows.py
What is drawn
    plan.py            requests × count → items → shards
    paths.py           which sampling paths there are; memory.py whether their lanes fit
    drawing.py         items by the path that suits each, in parts (parts.py)
    pictures_scales.py pictures scale by scale
    snapshots.py       how far a shard is, so that a killed run goes on; scales_snapshots.py its lower scales
What comes of it
    drawn_rows.py      rows; columns.py what is particular to a kind
    canary.py          some of them scored again by the model's definition (scoring.py)
    accept/            which of them are accepted, and what is drawn in place of the others
    shard.py           one shard: rows, commit; export.py WAV and PNG files beside the dataset
    advance.py         how far a run is; probe.py how fast it would be
"""
