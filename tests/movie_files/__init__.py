"""Writers of small movie files with the real structure of each format, for every test that needs one.

``pixels`` is an array, or a `Sparse` movie whose file takes no room on the disk.
"""

from __future__ import annotations

from tests.movie_files.dm import write_dm3, write_dm4
from tests.movie_files.mrc import write_mrc
from tests.movie_files.pixels import Sparse, ramp
from tests.movie_files.ser import write_emi, write_ser

__all__ = ["Sparse", "ramp", "write_dm3", "write_dm4", "write_emi", "write_mrc", "write_ser"]
