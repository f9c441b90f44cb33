"""Which drawn items become rows of the dataset, and what is drawn in place of those that do not.

config.py       what may be asked of an item
measures.py     what is measured of a waveform
fingerprint.py  64 bits by which items that look or sound the same are found
training_set.py the fingerprints of what the model was trained on
function.py     a function of the user's own
judge.py        a row and its reasons for being rejected
attempts.py     drawing again until a row is accepted
duplicates.py   items of the dataset that are nearly the same
kept.py         what stays of a shard that is made again without them
"""
