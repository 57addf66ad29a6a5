"""A fitted model as source code or as a graph that runs without nanonet."""

from nanonet.export.c_source import export_c as export_c
from nanonet.export.numpy_source import export_numpy as export_numpy
from nanonet.export.onnx_graph import export_onnx as export_onnx
