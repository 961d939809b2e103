"""The extended header of MRC files that microscopes of FEI and Thermo Fisher write: a block of values for each image.

``FEI1`` and ``FEI2`` (EPU, Tomo, Velox exports; 768 and 888 bytes an image), and the older one of 128 bytes (Tecnai,
Xplore3D) of 32 numbers. Lengths are in m, doses in electrons a square metre, dates in days since 30 December 1899.
"""

from __future__ import annotations

import itertools
import math
import struct
from typing import Any

from core.movies.files import RandomAccessFile
from core.movies.formats.facts import Facts, positive
from core.movies.formats.mdoc import tilt_issue
from core.movies.stamps import iso

# Where a value lies in a block of FEI1 and FEI2, its type, and the bit of the first mask that says it is valid.
_FIELDS: dict[str, tuple[int, str, int | None]] = {
    "timestamp": (12, "d", 0),
    "microscope": (20, "16s", 1),
    "application": (52, "16s", 3),
    "high_tension_v": (84, "d", 5),
    "dose_e_per_m2": (92, "d", 6),
    "alpha_tilt_deg": (100, "d", 7),
    "beta_tilt_deg": (108, "d", 8),
    "stage_x_m": (116, "d", 9),
    "stage_y_m": (124, "d", 10),
    "stage_z_m": (132, "d", 11),
    "pixel_x": (156, "d", 14),
    "pixel_y": (164, "d", 15),
    "defocus_m": (220, "d", None),
    "instrument_mode": (244, "i", None),
    "projection_mode": (248, "i", None),
    "magnification": (289, "d", None),
    "camera_length_m": (301, "d", None),
    "integration_time_s": (419, "d", None),
    "camera": (435, "16s", None),
    "frames_summed": (468, "i", None),
    "stem_detector": (519, "16s", None),
    "dwell_time_s": (571, "d", None),
    "frame_time_s": (579, "d", None),
    "is_dose_fraction": (655, "?", None),
}
_OLD = (
    ("alpha_tilt_deg", 0),
    ("beta_tilt_deg", 1),
    ("stage_x_m", 2),
    ("stage_y_m", 3),
    ("stage_z_m", 4),
    ("defocus_m", 7),
    ("integration_time_s", 8),
    ("mean", 9),
    ("pixel_x", 11),
    ("magnification", 12),
    ("high_tension_v", 13),
    ("binning", 14),
)
_OLD_BYTES = 128
# The older header always has room for 1,024 images.
_OLD_ROOM = 1024 * _OLD_BYTES
_STEM, _DIFFRACTION = 2, 1
_DAY_S = 86400.0
# 1 January 1970 in days since 30 December 1899.
_UNIX_DAY = 25569.0
# A size of a pixel in m at a specimen.
_SMALLEST, _LARGEST = 1e-13, 1e-5
_MOST_BLOCKS = 4096


def read_extended(file: RandomAccessFile, kind: bytes, order: str, start: int, size: int, frames: int) -> Facts:
    """What the extended header says of a stack; nothing if it is of a kind not known here.

    Parameters
    ----------
    file : RandomAccessFile
        The stack.
    kind : bytes
        Four bytes of the header that name the kind.
    order : str
        ``<`` or ``>``.
    start, size : int
        Where the extended header lies, checked against the file's size.
    frames : int
        Of the stack.
    """
    if kind in (b"FEI1", b"FEI2") and size >= 768:
        blocks = _blocks(file, order, start, size, frames)
    elif kind in (b"AGAR", b"FEI\x00", bytes(4)) and size == _OLD_ROOM:
        blocks = _old_blocks(file, order, start, size, frames)
    else:
        return Facts()
    return _facts(blocks, frames) if blocks else Facts()


def _blocks(file: RandomAccessFile, order: str, start: int, size: int, frames: int) -> list[dict[str, Any]]:
    (length,) = struct.unpack(order + "i", file.read(start, 4))
    if not 768 <= length <= 4096:
        return []
    blocks = []
    for place in range(min(frames, size // length, _MOST_BLOCKS)):
        raw = file.read(start + place * length, length)
        # The masks are little-endian whatever the rest is.
        (mask,) = struct.unpack_from("<I", raw, 8)
        block = {}
        for name, (at, code, bit) in _FIELDS.items():
            if bit is None or mask >> bit & 1:
                (value,) = struct.unpack_from(order + code, raw, at)
                block[name] = value.split(b"\x00")[0].decode("latin-1") if isinstance(value, bytes) else value
        blocks.append(block)
    return blocks


def _old_blocks(file: RandomAccessFile, order: str, start: int, size: int, frames: int) -> list[dict[str, Any]]:
    blocks = []
    for place in range(min(frames, size // _OLD_BYTES, _MOST_BLOCKS)):
        numbers = struct.unpack(order + "32f", file.read(start + place * _OLD_BYTES, _OLD_BYTES))
        blocks.append({name: float(numbers[at]) for name, at in _OLD})
    first = blocks[0] if blocks else {}
    # Nothing names this header, so its values must make sense; where it ends early, the voltage is 0.
    voltage, exposure = first.get("high_tension_v", -1), first.get("integration_time_s", -1)
    known = voltage == 0 or 1e3 <= voltage <= 3e6
    sound = known and 0 <= exposure < 1e6 and 0 <= first["magnification"] < 1e9
    return blocks if sound and _SMALLEST < first["pixel_x"] < _LARGEST else []


def _facts(blocks: list[dict[str, Any]], frames: int) -> Facts:
    first = blocks[0]
    scanned = first.get("instrument_mode") == _STEM if "instrument_mode" in first else None
    diffraction = not scanned and first.get("projection_mode") == _DIFFRACTION
    voltage = positive(first.get("high_tension_v"))
    stamps = [_unix(block.get("timestamp")) for block in blocks]
    # Fractions of one exposure share its stamp; whether they tell its dose or their own is not known.
    apart = len(set(stamps)) == len(stamps) and not first.get("is_dose_fraction", False)
    alone = frames == 1 or (len(blocks) == frames and apart)
    dose = _same(blocks, "dose_e_per_m2") if alone and not scanned else None
    issues = tilt_issue([block.get("alpha_tilt_deg", 0.0) for block in blocks])
    return Facts(
        pixel_size=None if diffraction else _pixel(first),
        times=_times(stamps, frames),
        exposure_s=_same(blocks, "frame_time_s" if scanned else "integration_time_s") if alone else None,
        voltage_kv=None if voltage is None else voltage / 1000,
        magnification=None if diffraction else positive(first.get("magnification")),
        detector=(first.get("stem_detector") if scanned else first.get("camera")) or None,
        date=iso(stamps[0]),
        scanned=scanned,
        dose_e_per_a2=None if dose is None else dose * 1e-20,
        start_unix_s=stamps[0],
        diffraction=diffraction or None,
        issues=tuple(issues),
        tags={"extended header": {f"image {k}": block for k, block in enumerate(blocks)}},
    )


def _pixel(block: dict[str, Any]) -> tuple[float, float] | None:
    along_x = positive(block.get("pixel_x"))
    along_y = positive(block.get("pixel_y", along_x))
    if along_x is None or along_y is None or not (_SMALLEST < along_x < _LARGEST and _SMALLEST < along_y < _LARGEST):
        return None
    return along_y * 1e9, along_x * 1e9


def _same(blocks: list[dict[str, Any]], key: str) -> float | None:
    """The value that all images share within a thousandth; None if there is none."""
    values = [positive(block.get(key)) for block in blocks]
    known = [value for value in values if value is not None]
    return known[0] if len(known) == len(values) and max(known) <= min(known) * 1.001 else None


def _unix(days: Any) -> float | None:
    """Seconds since 1970 of a number of days; None if it is no day that a microscope saw."""
    if not isinstance(days, float) or not math.isfinite(days) or not _UNIX_DAY < days < 2 * _UNIX_DAY:
        return None
    return (days - _UNIX_DAY) * _DAY_S


def _times(stamps: list[float | None], frames: int) -> tuple[float, ...] | None:
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) != frames or frames < 2 or not all(b > a for a, b in itertools.pairwise(known)):
        return None
    return tuple(stamp - known[0] for stamp in known)
