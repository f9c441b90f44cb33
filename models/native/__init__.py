"""Compiled kernels for drawing and training on a CPU, and how they are found and called.

library.py    which levels of processor there are kernels for, and which of them can run here
packing.py    weights in the order in which kernels read them
structs.py    what kernels are given
stack.py      WaveNet's gated layers: their weights packed, their rings
wavenet.py    the whole network with its draws
pictures.py   PixelCNN and Gated PixelCNN with their draws, row by row
calls.py      kernels in training: which there are, and the call of one
training.py   WaveNet's gated layer and its gradient
dense.py      linear layers and their gradient
gates.py      the gated unit over maps and its gradient
likelihood.py the likelihood under a softmax and its gradient

The kernels themselves are headers (`vectors.h`, `products.h`, ...), compiled once a level.
"""

from models.native.library import LEVELS, Library, best, opened, why_none

__all__ = ["LEVELS", "Library", "best", "opened", "why_none"]
