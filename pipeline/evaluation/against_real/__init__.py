"""A generated dataset against the real one that its model was trained on. What each figure means: `docs/metrics.md`.

config.py        what a comparison may be told
histograms.py    counts on a fixed grid: they add up exactly, whatever the order; two distances between them
spectra.py       a waveform's mel bands, spectral centroid and power, frame by frame
waveforms.py     what is counted of a waveform
pictures.py      what is counted of a picture
descriptors.py   any item as a small picture, so that items can be held against each other
chosen.py        a number of items chosen by their ids alone
measure.py       one shard: counts, sums, chosen items; `measured.py` adds shards up
training_items.py a shard of the training items: who is near to one of them
neighbours.py    nearest training items, copies, how far items lie apart
classifier.py    a small network that has learned the real classes
cepstra.py       mel-cepstral distortion
copies.py        copy synthesis: a real row and what was drawn from its own phones
requests.py      the requests of a copy synthesis, from held-out rows
result.py        the figures, as they stand in the evaluation's page
conclude.py      measurements to figures; `distances.py` those between counts
fit.py           whether two datasets can be compared, and what the figures do not tell
"""
