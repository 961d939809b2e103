"""Scan distortions: where the probe of a STEM or SEM really is, and how bright it is line by line."""
