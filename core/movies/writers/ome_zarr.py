"""Results as OME-Zarr 0.5: a folder with a small file a frame, for what is too large for one file or one machine.

In the making, the folder is ``NAME.partial`` and has no metadata at its root, so nobody takes it for a whole one. Each
frame's file appears at once or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.movies.calibration import Scale
from core.movies.errors import WriteFailed
from core.movies.result_record import ATTRIBUTE, MOVIE_KEY, PROVENANCE_KEY
from core.movies.writers.disk import check_room, locked, writing
from core.movies.writers.movie_writer import MovieWriter

if TYPE_CHECKING:
    import zarr

_LAYOUT = "layout.json"
ARRAY = "0"
# A larger frame is parted within its file, so that a region of it can be read alone.
_WHOLE_FRAME_BYTES = 16 << 20
_PART = 1024
# The names of metadata and folders, per frame and in all.
_FRAME_OVERHEAD = 4096
_METADATA_BYTES = 1 << 20
_MOST_SYNCED = 256


class OmeZarrWriter(MovieWriter):
    """Writes an OME-Zarr frame by frame; `path` and `partial` are folders."""

    is_folder = True
    types: ClassVar[tuple[str, ...]] = (
        "int8",
        "int16",
        "int32",
        "uint8",
        "uint16",
        "uint32",
        "float32",
        "float64",
    )

    def __init__(
        self, path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any], scale: Scale, overwrite: bool
    ) -> None:
        super().__init__(path, shape, dtype, scale, overwrite)
        self._lock_file = -1
        self._array: zarr.Array[Any] | None = None
        self._guard = threading.Lock()
        self._unflushed: set[int] = set()

    def _open(self, resume: bool) -> None:
        if self.path.exists() and not is_zarr(self.path):
            # Replacing means deleting: only what is surely a result, never a folder of somebody's work.
            raise WriteFailed.about(self.path, "The folder of that name is no OME-Zarr.", "Choose another name.")
        with writing(self.partial):
            self._open_folder(resume)

    def _open_folder(self, resume: bool) -> None:
        import zarr

        layout = self._layout()
        found = self.partial / _LAYOUT
        if self.partial.exists() and not found.is_file():
            raise WriteFailed.about(
                self.partial, "A folder or file of that name, which is no result of ours, lies there.", "Move it away."
            )
        existed = self.partial.exists()
        check_room(self.path, self.needed_bytes, _size(self.partial) if existed and resume else 0, one_file=False)
        self.partial.mkdir(exist_ok=True)
        self._lock_file = os.open(found, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        if not locked(self._lock_file):
            self.close()
            raise self._taken()
        # Locking a byte on Windows leaves the position there.
        os.lseek(self._lock_file, 0, os.SEEK_SET)
        self.resumed = existed and resume and os.read(self._lock_file, len(layout) + 1) == layout
        if self.resumed:
            # What a killed run was in the middle of.
            for torn in (self.partial / ARRAY).rglob("*.partial"):
                torn.unlink(missing_ok=True)
            self._array = zarr.open_array(self.partial / ARRAY, mode="r+")
            return
        shutil.rmtree(self.partial / ARRAY, ignore_errors=True)
        self._array = self._new_array()
        os.ftruncate(self._lock_file, 0)
        os.lseek(self._lock_file, 0, os.SEEK_SET)
        os.write(self._lock_file, layout)

    def _new_array(self) -> zarr.Array[Any]:
        import zarr
        from zarr.codecs import BloscCodec

        _, height, width = self.shape
        parts = [-(-side // _PART) * _PART for side in (height, width)]
        split = self._frame_bytes > _WHOLE_FRAME_BYTES
        return zarr.create_array(
            self.partial / ARRAY,
            shape=self.shape,
            dtype=self.dtype.newbyteorder("<"),
            chunks=(1, min(_PART, height), min(_PART, width)) if split else (1, height, width),
            shards=(1, *(_shard(side, whole) for side, whole in zip((height, width), parts, strict=True)))
            if split
            else None,
            compressors=BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"),
            fill_value=0,
            dimension_names=("t", "y", "x"),
            zarr_format=3,
            # A frame of zeros is written too: what is missing is missing.
            config={"write_empty_chunks": True},
        )

    @property
    def needed_bytes(self) -> int:
        """The size of the finished result if nothing of it can be compressed."""
        return self.shape[0] * (self._frame_bytes + _FRAME_OVERHEAD) + _METADATA_BYTES

    def _frame_path(self, index: int) -> Path:
        return self.partial / ARRAY / "c" / str(index) / "0" / "0"

    def _opened(self, index: int) -> zarr.Array[Any]:
        self._check_index(index)
        if self._array is None:
            raise ValueError("the writer is closed")
        return self._array

    def write(self, index: int, frame: NDArray[Any]) -> None:
        """As of `MovieWriter`."""
        array = self._opened(index)
        self._check_frame(frame)
        with writing(self.partial):
            array[index] = frame
        with self._guard:
            self._unflushed.add(index)

    def read(self, index: int) -> NDArray[Any]:
        """As of `MovieWriter`."""
        array = self._opened(index)
        with writing(self.partial):
            return np.asarray(array[index], dtype=self.dtype)

    def flush(self) -> None:
        """As of `MovieWriter`."""
        with self._guard:
            waiting, self._unflushed = self._unflushed, set()
        with writing(self.partial):
            if len(waiting) > _MOST_SYNCED and hasattr(os, "sync"):
                # One call for all: thousands of files one by one take minutes.
                os.sync()
                return
            for index in waiting:
                _sync(self._frame_path(index))

    def finish(self, provenance_json: str | None = None, display: tuple[float, float] | None = None) -> Path:
        """As of `MovieWriter`."""
        record = {"program": "Quietbeam", MOVIE_KEY: self.scale.as_json(self.shape)}
        if provenance_json is not None:
            record[PROVENANCE_KEY] = json.loads(provenance_json)
        attributes = {"ome": ome_attributes(self.path.name, self.scale, display), ATTRIBUTE: record}
        text = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes}, indent=1)
        root = self.partial / "zarr.json"
        with writing(self.partial):
            self.flush()
            beside = self.partial / f"zarr.json.{uuid.uuid4().hex}.partial"
            beside.write_text(text, encoding="ascii")
            _sync(beside)
            beside.replace(root)
        self.close()
        with writing(self.path):
            self._rename()
            (self.path / _LAYOUT).unlink(missing_ok=True)
        return self.path

    def _rename(self) -> None:
        old: Path | None = None
        if self._overwrite and self.path.exists() and is_zarr(self.path):
            old = Path(f"{self.path}.{uuid.uuid4().hex[:8]}.replaced")
            self.path.rename(old)
        try:
            if self.path.exists():
                raise FileExistsError(self.path)
            self.partial.rename(self.path)
        except OSError:
            # Still a partial result, from which the run can go on.
            (self.partial / "zarr.json").unlink(missing_ok=True)
            if old is not None and not self.path.exists():
                old.rename(self.path)
            raise
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)

    def close(self) -> None:
        """Close the partial folder and keep it."""
        self._array = None
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1


def ome_attributes(name: str, scale: Scale, display: tuple[float, float] | None) -> dict[str, Any]:
    """The ``ome`` attributes of a movie (t, y, x) with one resolution level.

    Reciprocal pixels have no unit in OME's list, so their axes carry none; the number stands all the same.
    """
    timed, sized = scale.frame_interval_s is not None, scale.pixel_size is not None
    space: dict[str, str] = {"unit": "nanometer"} if scale.pixel_unit == "nm" and sized else {}
    axes = [
        {"name": "t", "type": "time", **({"unit": "second"} if timed else {})},
        {"name": "y", "type": "space", **space},
        {"name": "x", "type": "space", **space},
    ]
    steps = [scale.frame_interval_s or 1.0, *(scale.pixel_size or (1.0, 1.0))]
    dataset = {"path": ARRAY, "coordinateTransformations": [{"type": "scale", "scale": steps}]}
    found: dict[str, Any] = {
        "version": "0.5",
        "multiscales": [{"name": name, "axes": axes, "datasets": [dataset]}],
    }
    if display is not None and all(np.isfinite(display)):
        low, high = float(display[0]), float(display[1])
        window = {"start": low, "end": high, "min": low, "max": high}
        channel = {"active": True, "color": "FFFFFF", "label": name, "window": window}
        found["omero"] = {"channels": [channel]}
    return found


def is_zarr(folder: Path) -> bool:
    """Whether a folder is the root of a Zarr."""
    return any((folder / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def _shard(side: int, whole: int) -> int:
    """A shard's side: whole parts, or the frame's own side where that is a single part."""
    return side if side <= _PART else whole


def _size(folder: Path) -> int:
    """Bytes that lie in a folder already."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def discard(partial: Path) -> None:
    """Remove a partial folder of ours; any other folder is left alone."""
    if (partial / _LAYOUT).is_file():
        shutil.rmtree(partial, ignore_errors=True)
