"""Corpora: one reader per layout. `detect.py` holds the list of them and finds the one that a folder follows.

A reader yields items in an order and with ids that depend on the folder's content alone, without decoding anything.
What the corpus itself got wrong becomes a `BadItem`, never a silent gap.
"""
