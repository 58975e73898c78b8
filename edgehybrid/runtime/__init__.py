"""Runs bundles: segments in ONNX Runtime, mixers in kernels, states of constant size."""
