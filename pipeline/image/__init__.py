"""From image files to levels and back: decode, resize, quantise.

Axes: H W C. An image is uint8 [H, W, C], rows top to bottom, C = 1 (grey) or 3 (red, green, blue).
"""
