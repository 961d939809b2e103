"""Damaged files without end: ``python -m tests.fuzz --seconds 600 [SEED ...]``; not part of the tests' run.

Each seed of `tests.movie_files.SEEDS` is damaged at random, opened, listed and read in a child process. What ends in
anything but a typed error or a sound movie, takes too long or too much memory, or kills the child is kept as a finding.
Inputs that made the parser behave in a new way are damaged further.
"""
