"""turnaffinity: the executable specification of turn affinity, and the kit that judges implementations of it."""

__version__ = "0.1.0"

CONTRACT_VERSION = "1.0"
"""The version of the contract that this kit states; every vector and every report carries it."""
