"""WaveNet, PixelCNN and Gated PixelCNN on a GPU: a position is a few Triton kernels and a draw, one CUDA graph.

kernels.py           waveforms: the first convolution, gated layers with their rings; the head's products of all
picture_kernels.py   pictures: what finished rows give the one that begins
pixel_kernels.py     pictures: one colour of one pixel through all layers
packing.py           a WaveNet's weights as the kernels read them; `biases.py` what conditions it, between two replays
waveforms.py         its network: one timestep, levels in, parameters out
picture_packing.py   pictures' weights and rings of rows; `picture_biases.py` what conditions them
picture_rows.py      convolutions over finished rows; `gated_pictures.py`, `square_pictures.py` the features
pictures.py          their network: one colour of one pixel
launching.py         tiles, the compiler's options
steps.py             position after position, by a network; `graph.py` captures it
draws.py             the draw at a position that stands on the device
sampling.py          lanes in lockstep, by the kernels; `memory.py` fills graphs anew
waveform_lanes.py    lanes that take the next item; `lane_biases.py` what conditions them
lanes.py             `sample_on_gpu`: any number of requests; `lane_memory.py` what a lane takes
cached_graphs.py     a model's own cached step as graphs, where there is no kernel for it

Triton is imported when something is first drawn, not before; what is here serves any machine's `import`. On a machine
without a GPU the kernels run in Triton's interpreter (TRITON_INTERPRET=1, set before they are first used), many
thousand times slower: that is how the tests hold them to the naive path. No figure has been measured on a GPU yet, nor
has one run these kernels.

A level is looked up without a check, parameters are float32, and the bits of an item are its own for one device,
precision and number of lanes: the kernels do not mind the lanes beside an item or how many there are, torch's
operations of the draw and of the condition are given the same shapes.
"""

from models.sampling.gpu.cached_graphs import begin_on
from models.sampling.gpu.lane_memory import gpu_bytes_that_can_be_had, gpu_lane_bytes
from models.sampling.gpu.lanes import gpu_lanes, sample_on_gpu
from models.sampling.gpu.packing import Precision
from models.sampling.gpu.pictures import PictureNetwork
from models.sampling.gpu.sampling import Kernels, why_not_on_gpu
from models.sampling.gpu.steps import Steps
from models.sampling.gpu.waveforms import WaveformNetwork, waveform_network

__all__ = [
    "Kernels",
    "PictureNetwork",
    "Precision",
    "Steps",
    "WaveformNetwork",
    "begin_on",
    "gpu_bytes_that_can_be_had",
    "gpu_lane_bytes",
    "gpu_lanes",
    "sample_on_gpu",
    "waveform_network",
    "why_not_on_gpu",
]
