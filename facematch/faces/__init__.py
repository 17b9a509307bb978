"""Pixels in, faces out. Knows dlib, ONNX Runtime and Pillow; nothing of LiveKit, HTTP or the settings."""
