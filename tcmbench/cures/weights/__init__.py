"""Cures in the space of weights: tensors are read, combined and written a part at a time."""
