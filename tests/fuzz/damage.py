"""Ways to damage a file's bytes."""

from __future__ import annotations

import random
import struct

_WORDS = (0, 1, -1, 0x7FFFFFFF, -0x80000000, 0x7FFF, 255, 256, 65535, 65536, 1 << 20, 1 << 30, 3, 4, 7)
# Headers lie at the beginning; tables and tags often at the end.
_NEAR = 2048


def damage(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """A damaged copy, and how it was damaged ("cut" if bytes were only taken off the end)."""
    if not data:
        return bytes([rng.randrange(256)]), "grow"
    kind = rng.choices(("flip", "word", "cut", "remove", "repeat", "zero", "swap", "text"), (8, 8, 4, 2, 2, 2, 2, 2))[0]
    out = bytearray(data)
    if kind == "cut":
        return bytes(out[: _place(out, rng)]), "cut"
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        if out:
            _once(out, kind, rng)
    return bytes(out), kind


def _place(data: bytearray, rng: random.Random) -> int:
    """Somewhere: often near the beginning, sometimes near the end."""
    where = rng.random()
    if where < 0.6:
        return rng.randrange(min(_NEAR, len(data)))
    if where < 0.75:
        return len(data) - 1 - rng.randrange(min(_NEAR, len(data)))
    return rng.randrange(len(data))


def _once(out: bytearray, kind: str, rng: random.Random) -> None:
    at = _place(out, rng)
    if kind == "flip":
        out[at] ^= 1 << rng.randrange(8)
    elif kind == "word":
        size = rng.choice("bhiqfd")
        value: float = rng.choice(_WORDS)
        if size in "fd":
            value = rng.choice((float("nan"), float("inf"), -1.0, 0.0, 1e300 if size == "d" else 1e38))
        else:
            bits = 8 * struct.calcsize("<" + size)
            value = ((int(value) + (1 << (bits - 1))) % (1 << bits)) - (1 << (bits - 1))
        packed = struct.pack(rng.choice("<>") + size, value)
        out[at : at + len(packed)] = packed
    elif kind == "remove":
        del out[at : at + rng.choice((1, 2, 4, 8, 64, 512))]
    elif kind == "repeat":
        part = out[at : at + rng.choice((1, 4, 16, 128))]
        out[at:at] = part * rng.choice((1, 2, 16))
    elif kind == "zero":
        count = rng.choice((1, 4, 16, 256))
        out[at : at + count] = bytes(len(out[at : at + count]))
    elif kind == "swap":
        to = _place(out, rng)
        count = rng.choice((1, 2, 4, 8))
        if max(at, to) + count <= len(out):
            out[at : at + count], out[to : to + count] = out[to : to + count], out[at : at + count]
    else:
        out[at : at + 1] = rng.choice((b"9", b"-", b"\x00", b"\xff", b"<", b'"', b"{", b"999999999", b"../"))
