"""Detectors: what cameras and scanning detectors make of the electrons that reach them, one file an effect."""
