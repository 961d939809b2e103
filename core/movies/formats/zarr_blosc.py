"""Blosc, the usual packing of Zarr, with its header checked first: the library believes it and reads beyond the data.

Loaded only where a Zarr is opened.
"""

from __future__ import annotations

import struct
from typing import Any

import zarr
from zarr.codecs import BloscCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer
from zarr.registry import register_codec

from core.movies.formats.zarr_nodes import LARGEST_CHUNK

HEADER_BYTES = 16


def check_header(head: bytes, size: int) -> None:
    """Refuse packed data whose header contradicts their size.

    Parameters
    ----------
    head : bytes
        The first `HEADER_BYTES` of the data.
    size : int
        Of all packed data.

    Raises
    ------
    ValueError
        They are damaged.
    """
    if len(head) < HEADER_BYTES:
        raise ValueError("a packed part is cut")
    _, _, _, item, unpacked, block, packed = struct.unpack_from("<4B3I", head)
    if packed != size or unpacked > LARGEST_CHUNK or (unpacked and not 0 < block <= max(unpacked, item)) or item == 0:
        raise ValueError(f"a packed part claims {packed} bytes, {unpacked} unpacked, and has {size}")


class CheckedBlosc(BloscCodec):
    """zarr's own codec, asked only for data whose header makes sense."""

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        data: Any = chunk_bytes.as_numpy_array()
        check_header(data[:HEADER_BYTES].tobytes(), int(data.size))
        return await super()._decode_single(chunk_bytes, chunk_spec)


# From here on zarr decodes blosc by this class; what it writes is the same.
register_codec("blosc", CheckedBlosc)
zarr.config.set({"codecs.blosc": f"{__name__}.{CheckedBlosc.__qualname__}"})
