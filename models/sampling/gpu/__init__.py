"""WaveNet on a GPU: a timestep is a few Triton kernels and a draw, replayed as one CUDA graph.

kernels.py    the first convolution, gated layers with their rings, the head's products
packing.py    weights as the kernels read them
biases.py     what conditions the gates, between two replays
stepper.py    one timestep: levels in, parameters out
draws.py      the draw at a position that stands on the device
graph.py      capture and replay
sampling.py   `sample_gpu`: as `sample_cached`

Triton is imported when something is first drawn, not before; what is here serves any machine's `import`. On a machine
without a GPU the kernels run in Triton's interpreter (TRITON_INTERPRET=1, set before they are first used), many
thousand times slower: that is how the tests hold them to the naive path. No figure has been measured on a GPU yet, nor
has one run these kernels.

A level is looked up without a check, parameters are float32, and the bits of an item are its own for one device,
precision and number of lanes: the kernels do not mind the lanes beside an item or how many there are, torch's
operations of the draw and of the condition are given the same shapes.
"""

from models.sampling.gpu.packing import Precision
from models.sampling.gpu.sampling import is_available, sample_gpu
from models.sampling.gpu.stepper import Stepper

__all__ = ["Precision", "Stepper", "is_available", "sample_gpu"]
