"""Preparation: a corpus's items to shard plans (`plan.py`), and one plan to one shard (`prepare.py`)."""
