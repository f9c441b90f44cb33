"""How long each phone of a text lasts and how high it is said: what `ancestral train` learns beside a model.

features.py        a row's phones as numbers
least_squares.py   ridge regression from sums, so that a dataset of any size is read as a stream
pauses.py          where nobody speaks, and how long
prosody.py         what is learned, and what it makes of a text
measured.py        a row's phones with their times and pitch
fitting.py         what is learned from the rows of a dataset
held_out.py        how far off it is on rows that it was not learned from
files.py           prosody.json and prosody.safetensors beside a model

Without torch. A dataset of any size is read as a stream, at most `fitting.MOST_PHONES` of it.
"""
