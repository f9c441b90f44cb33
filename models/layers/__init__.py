"""What the networks are made of, whole maps at a time: convolutions, recurrences, conditions, dropout.

`drawn/` has the layers of pictures again, one position at a time.
"""
