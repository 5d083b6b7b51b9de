"""Model files in the ONNX format: prediction without PyTorch."""

from skrnn.onnx._runtime import load
from skrnn.onnx._writer import to_onnx

__all__ = ["load", "to_onnx"]
