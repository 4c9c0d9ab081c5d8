"""Models as ONNX files (extra `agez[onnx]`)."""
