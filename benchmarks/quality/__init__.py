"""Held-out bits: ours beside published peers on the same data, and the defaults of training that such runs chose."""
