"""Two small corpora that are made on the spot, without a download: spoken phrases, and digits in pictures.

Each is a plain corpus on disk in a layout that `ancestral prepare` reads; nothing later knows that it was made here.
"""
