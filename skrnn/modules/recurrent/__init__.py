"""The recurrent engine: cells, stacks of them that carry a state, and the encoder."""

from skrnn.modules.recurrent.cells import CELLS, Cell
from skrnn.modules.recurrent.encoder import RecurrentEncoder
from skrnn.modules.recurrent.layers import LayerStates, RecurrentLayers
from skrnn.modules.recurrent.recurrence import expected_work
from skrnn.modules.recurrent.unrolled import Trace, UnrolledCell

__all__ = [
    "CELLS",
    "Cell",
    "LayerStates",
    "RecurrentEncoder",
    "RecurrentLayers",
    "Trace",
    "UnrolledCell",
    "expected_work",
]
