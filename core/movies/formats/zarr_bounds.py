"""Packings of Zarr that would unpack without end, held to the size that a part must have.

Loaded only where a Zarr is opened.
"""

from __future__ import annotations

import bz2
import lzma
import math
import zlib
from contextvars import ContextVar
from typing import Any, Protocol

import imagecodecs
import numcodecs  # type: ignore[import-untyped]
import numpy as np
from numcodecs.compat import ensure_bytes, ndarray_copy  # type: ignore[import-untyped]
from zarr import config
from zarr.codecs import GzipCodec, ZstdCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer
from zarr.registry import register_codec

from core.movies.formats.zarr_nodes import LARGEST_CHUNK, Node

# Filters may widen numbers by so much; checksums and headers add a little.
_WIDER = 8
_MORE = 1 << 16
# Version 2 does not tell a packing what is wanted of it. The context goes along into zarr's threads.
_largest: ContextVar[int] = ContextVar("largest", default=LARGEST_CHUNK)


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def expect(node: Node) -> None:
    """Say, in this context, which array is read next."""
    item = 1 if node.dtype is None else node.dtype.itemsize
    _largest.set(math.prod(node.chunks) * item * _WIDER + _MORE)


def _unpack(name: str, data: bytes, limit: int) -> bytes:
    if name == "zstd":
        return bytes(imagecodecs.zstd_decode(data, out=limit))
    out: list[bytes] = []
    while data and limit > 0:
        one: _Unpacker = (
            bz2.BZ2Decompressor()
            if name == "bz2"
            else lzma.LZMADecompressor()
            if name == "lzma"
            else zlib.decompressobj(31 if name == "gzip" else 15)
        )
        out.append(one.decompress(data, limit))
        limit -= len(out[-1])
        if not one.eof:
            raise ValueError("a packed part is cut, or becomes larger than it should")
        data = one.unused_data
    return b"".join(out)


def _bounded(name: str) -> type[Any]:
    """The codec of version 2 of this name, which unpacks no more than is expected."""
    original = numcodecs.registry.codec_registry[name]

    class Bounded(original):  # type: ignore[misc, valid-type]
        codec_id = name

        def decode(self, buf: Any, out: Any = None) -> Any:
            return ndarray_copy(_unpack(name, ensure_bytes(buf), _largest.get()), out)

    return Bounded


class _Sized:
    """Decoding of version 3, which tells the shape of the part."""

    packing = ""

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        item = np.dtype(chunk_spec.dtype.to_native_dtype()).itemsize
        limit = math.prod(chunk_spec.shape) * item + _MORE
        data: Any = chunk_bytes.to_bytes()
        return chunk_spec.prototype.buffer.from_bytes(_unpack(self.packing, data, limit))


class BoundedGzip(_Sized, GzipCodec):
    """zarr's own codec, which unpacks no more than a part."""

    packing = "gzip"


class BoundedZstd(_Sized, ZstdCodec):
    """zarr's own codec, which unpacks no more than a part."""

    packing = "zstd"


# What is written stays the same: only decoding is replaced.
for _name in ("zlib", "gzip", "bz2", "zstd"):
    numcodecs.register_codec(_bounded(_name), _name)
for _name, _codec in (("gzip", BoundedGzip), ("zstd", BoundedZstd)):
    register_codec(_name, _codec)
    config.set({f"codecs.{_name}": f"{__name__}.{_codec.__qualname__}"})
