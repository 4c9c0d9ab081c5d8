"""Architectures with numbers of bands, the paper's and odd ones: for tests of forward passes and gradients."""

from agez.paper_network.architecture import Architecture

CASES = [
    (Architecture((16, 16), (6, 8), 8, 40), 34),
    (Architecture((20, 20), (6, 8), 8, 40), 34),
    (Architecture((8, 25), (12, 6), 5, 25), 34),
    (Architecture((33, 8), (10, 12), 3, 33), 56),
    (Architecture((8, 64), (8, 10), 7, 30), 12),
    (Architecture((16, 8), (6, 6), 2, 35), 20),
    (Architecture((8, 8), (5, 3), 2, 25), 7),
    (Architecture((8, 8), (12, 12), 4, 25), 4),
]
