"""Simulated specimens and their electron-microscope images."""
