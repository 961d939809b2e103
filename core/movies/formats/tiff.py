"""TIFF, BigTIFF, ImageJ and OME-TIFF.

tifffile reads the first image and what the dialects say; the chain of images is walked by `tiff_chain`, so that each
one's own size and type are known. Uncompressed frames are read positionally at their own places in the file, others
piece by piece. tifffile tells of a broken file only in its log, so the log is listened to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile

from core.movies.calibration import recall
from core.movies.errors import Malformed, MovieError, Truncated, Unsupported
from core.movies.file_set import FileSet, JoinedFiles
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.formats import mdoc
from core.movies.formats.facts import Facts
from core.movies.formats.tiff_calibration import Calibration, calibration
from core.movies.formats.tiff_chain import Chain, Image, walk
from core.movies.formats.tiff_pixels import PiecesSource, Places, all_there, is_plain, one_piece
from core.movies.formats.tiff_series import Stack, stacks
from core.movies.formats.tiff_stream import Stream, listening
from core.movies.result_record import movie_text
from core.movies.sources import FrameSource, StridedSource
from core.movies.timing import even_interval, segments_of
from core.protocol.movie import Issue, MovieMeta

_MAGIC = (b"II\x2a\x00", b"MM\x00\x2a", b"II\x2b\x00", b"MM\x00\x2b")
_WHITE_IS_ZERO = 0
_PALETTE = 3
_EER = {65000, 65001, 65002}
# A frame decodes to at most this, and to at most this many times the file: beyond, its header lies.
_LARGEST_FRAME = 2 << 30
_LARGEST_RATIO = 20_000
_LARGEST_TAGS, _SMALL_TAG = 1 << 24, 8


@dataclass(frozen=True)
class _Pixels:
    """The source of a stack, how many of its leading frames are complete, and what is odd about them."""

    source: FrameSource
    frames: int
    wrong_counts: int = 0
    parted: int | None = None
    others: int = 0
    file_bytes: tuple[int, ...] = ()


class _Joined(JoinedFiles):
    """The files of a movie, closed together with the one that was opened for its description."""

    def __init__(self, described: RandomAccessFile, files: FileSet, parts: Sequence[tuple[int, int]]) -> None:
        super().__init__(files, parts)
        self._described = described

    def close(self) -> None:
        super().close()
        self._described.close()


def _sniff(head: bytes, extension: str) -> bool:
    return head[:4] in _MAGIC


def _entries(file: RandomAccessFile) -> list[Entry]:
    with listening() as complaints:
        tiff = tifffile.TiffFile(Stream(file))  # type: ignore[arg-type]
        if not tiff.pages:
            raise Truncated.about(file.path, "The TIFF file's list of images could not be found.")
        if int(tiff.pages.first.compression) in _EER:
            raise Unsupported.about(
                file.path,
                "The file holds lists of electron events (Falcon EER), although it is not named like one.",
                "Give its name the ending .eer, and open it again.",
            )
        chain = walk(file)
        found = stacks(file, tiff, chain)
    texts = complaints.texts + ([chain.broken] if chain.broken else [])
    return [_entry(file, tiff, chain, stack, texts) for stack in found]


def _entry(file: RandomAccessFile, tiff: tifffile.TiffFile, chain: Chain, stack: Stack, complaints: list[str]) -> Entry:
    return Entry(stack.info, lambda: _open(file, tiff, chain, stack, complaints))


def _open(file: RandomAccessFile, tiff: tifffile.TiffFile, chain: Chain, stack: Stack, complaints: list[str]) -> Opened:
    with listening() as more:
        pixels = _pixels(file, chain, stack)
        known = calibration(tiff, stack.page, stack.place, stack.planes)
    if pixels.frames < 1:
        raise Truncated.about(
            file.path,
            f"The TIFF file promises {len(stack.planes)} frames of {stack.height} x {stack.width} px,"
            " but ends before the first is complete.",
        )
    meta = _meta(file, tiff, stack, pixels, known, [*complaints, *more.texts])
    beside = mdoc.of_movie(file.path, meta.declared_frames)
    return Opened(_completed(meta, beside), pixels.source, lambda: {**_tags(file), **beside.tags})


def _pixels(file: RandomAccessFile, chain: Chain, stack: Stack) -> _Pixels:
    stored = stack.dtype.newbyteorder(chain.order)  # type: ignore[arg-type]
    frame_bytes = stack.height * stack.width * stored.itemsize
    if stack.block is not None:
        # All planes follow the first one; also in an ImageJ file above 4 GB, which lists one page only.
        first = stack.block
        held = max(0, file.size - first) // frame_bytes if first > 0 else 0
        there = range(stack.planes.start, min(stack.planes.stop, held), stack.planes.step)
        places = range(first + there.start * frame_bytes, first + there.stop * frame_bytes, there.step * frame_bytes)
        return _Pixels(StridedSource(file, stored, stack.height, stack.width, places), len(there))
    if stack.elsewhere:
        return _in_files(file, chain, stack, frame_bytes)
    return _in_chain(file, chain, stack, frame_bytes)


def _in_chain(file: RandomAccessFile, chain: Chain, stack: Stack, frame_bytes: int) -> _Pixels:
    stored = stack.dtype.newbyteorder(chain.order)  # type: ignore[arg-type]
    plain = is_plain(stack.page, stack.dtype)
    if plain:
        found = _offsets(file, chain, stack, stack.images, frame_bytes)
        if found is not None:
            offsets, wrong = found
            source = StridedSource(file, stored, stack.height, stack.width, offsets)
            return _Pixels(source, len(offsets), wrong, _parted(chain, stack), _others(chain, stack))
    tall, wide = (int(stack.page.tilelength), int(stack.page.tilewidth)) if stack.page.is_tiled else (0, 0)
    if max(frame_bytes, tall * wide * stored.itemsize) > min(_LARGEST_FRAME, file.size * _LARGEST_RATIO):
        raise Malformed.about(
            file.path,
            f"The TIFF header claims {stack.height} x {stack.width} px, far more than {file.size} bytes can hold.",
        )
    needed = stack.height * stack.width * int(stack.page.bitspersample) // 8 if int(stack.page.compression) == 1 else 0
    places: list[Places] = []
    listed = 0
    for image in stack.images:
        listed += 0 if image is None else image.listed_bytes
        if listed > file.size:
            raise Malformed.about(file.path, "The lists of the TIFF images' pieces lie across each other.")
        pieces = None if image is None else _places(file, chain, stack, image)
        if pieces is None or not all_there(pieces, file.size) or int(pieces[1].sum()) < needed:
            break
        places.append(pieces)
    pieced = PiecesSource(file, stack.page, stack.dtype, places)
    return _Pixels(pieced, len(places), parted=_parted(chain, stack), others=_others(chain, stack))


def _others(chain: Chain, stack: Stack) -> int:
    """How many images of the file are unlike those of a movie of several frames."""
    keys = {image.key for image in stack.images if image is not None}
    return sum(image.key not in keys for image in chain.images) if len(stack.images) > 1 else 0


def _parted(chain: Chain, stack: Stack) -> int | None:
    """The first frame before which images of another size or type lie in the file; None if there is none."""
    number = {image.at: place for place, image in enumerate(chain.images)}
    keys = {image.key for image in stack.images if image is not None}
    for frame in range(1, len(stack.images)):
        before, after = stack.images[frame - 1], stack.images[frame]
        if before is None or after is None or before.at not in number or after.at not in number:
            return None
        between = chain.images[number[before.at] + 1 : number[after.at]]
        if any(image.key not in keys for image in between):
            return frame
    return None


def _places(file: RandomAccessFile, chain: Chain, stack: Stack, image: Image) -> Places | None:
    """Where the pieces of an image lie; None if its list can't be read."""
    try:
        return chain.places(file, image)
    except MovieError:
        return None


def _offsets(
    file: RandomAccessFile, chain: Chain, stack: Stack, images: Sequence[Image | None], frame_bytes: int
) -> tuple[list[int], int] | None:
    """Where the leading complete frames begin, and how many have wrong counts; None if one is not in one piece."""
    piece = min(int(stack.page.rowsperstrip) or stack.height, stack.height) * (frame_bytes // stack.height)
    padded = -(-frame_bytes // piece) * piece
    offsets: list[int] = []
    wrong = 0
    for image in images:
        if image is None:
            break
        only = chain.only_place(image)
        if only is not None and piece == frame_bytes:
            offset, count = only
        else:
            pieces = _places(file, chain, stack, image)
            if pieces is None:
                break
            if not one_piece(pieces, piece, frame_bytes):
                return None
            offset, count = int(pieces[0][0]), int(pieces[1].sum())
        if offset <= 0 or offset + frame_bytes > file.size:
            break
        offsets.append(offset)
        # The last strip may be as long as the others, though the image ends before.
        wrong += count not in (frame_bytes, padded)
    return offsets, wrong


def _in_files(file: RandomAccessFile, chain: Chain, stack: Stack, frame_bytes: int) -> _Pixels:
    """The planes of an OME-TIFF that is spread over several files in one folder."""
    folder = Path(file.path).parent
    names = sorted({name for name, _ in stack.elsewhere.values()})
    chains: dict[str, Chain] = {}
    sizes: dict[str, int] = {}
    for name in names:
        try:
            with RandomAccessFile(folder / name) as other:
                chains[name] = walk(other)
                sizes[name] = other.size
        except MovieError:
            continue
    there = [name for name in names if name in chains]
    base = {name: sum(sizes[one] for one in there[:at]) for at, name in enumerate(there)}
    first = next((image for image in chain.images if image.at == stack.page.offset), None)
    if first is None or not is_plain(stack.page, stack.dtype):
        raise Unsupported.about(file.path, "This OME-TIFF movie is compressed and spread over several files.")
    offsets: list[int] = []
    for plane in stack.planes:
        name, number = stack.elsewhere.get(plane, (Path(file.path).name, -1))
        images = chains[name].images if name in chains else ()
        if not 0 <= number < len(images) or images[number].key != first.key or chains[name].order != chain.order:
            break
        with RandomAccessFile(folder / name) as other:
            found = _offsets(other, chains[name], stack, [images[number]], frame_bytes)
        if not found or not found[0]:
            break
        offsets.append(base[name] + found[0][0])
    joined = _Joined(file, FileSet([folder / name for name in there]), [(0, sizes[name]) for name in there])
    stored = stack.dtype.newbyteorder(chain.order)  # type: ignore[arg-type]
    source = StridedSource(joined, stored, stack.height, stack.width, offsets)
    return _Pixels(source, len(offsets), file_bytes=tuple(sizes[name] for name in there))


def _is_grey(table: Any) -> bool:
    """Whether a colour table is the plain ramp from black to white, as some cameras write it."""
    if table is None or len(table) != 3:
        return False
    return bool((table[0] == table[1]).all() and (table[0] == table[2]).all() and (table[0][1:] > table[0][:-1]).all())


def _issues(stack: Stack, pixels: _Pixels, complaints: list[str]) -> list[Issue]:
    declared = len(stack.planes)
    issues = []
    if pixels.frames < declared:
        text = f"truncated: {pixels.frames} of {declared} frames"
        issues.append(Issue(level="warning", code="truncated", text=text))
    elif complaints:
        text = f"the TIFF file's list of images is broken ({complaints[0][:200]}); {pixels.frames} frames were found"
        issues.append(Issue(level="warning", code="broken-chain", text=text))
    if pixels.wrong_counts:
        text = f"{pixels.wrong_counts} images give another number of bytes than their size needs; the size was believed"
        issues.append(Issue(level="warning", code="wrong-byte-counts", text=text))
    if pixels.parted is not None:
        text = f"images of another size or type lie before frame {pixels.parted}; they are datasets of their own"
        issues.append(Issue(level="warning", code="images-between", text=text))
    elif pixels.others:
        images = "1 image" if pixels.others == 1 else f"{pixels.others} images"
        text = f"the file holds {images} of another size or type too; frames with damaged tags would look so"
        issues.append(Issue(level="info", code="other-images", text=text))
    turned = stack.page.tags.get("Orientation")
    if turned is not None and turned.value in range(2, 9):
        text = (
            f"the file asks to be turned when it is shown (orientation {int(turned.value)}); it is left as it is stored"
        )
        issues.append(Issue(level="info", code="orientation", text=text))
    if int(stack.page.photometric) == _PALETTE and not _is_grey(stack.page.colormap):
        text = "the file has a colour table; it is left out, the stored numbers are used"
        issues.append(Issue(level="info", code="palette", text=text))
    if int(stack.page.photometric) == _WHITE_IS_ZERO:
        text = "the file says that 0 is white; the stored numbers are used as they are"
        issues.append(Issue(level="info", code="white-is-zero", text=text))
    return issues


def _meta(
    file: RandomAccessFile,
    tiff: tifffile.TiffFile,
    stack: Stack,
    pixels: _Pixels,
    known: Calibration,
    complaints: list[str],
) -> MovieMeta:
    declared = len(stack.planes)
    times = known.times[: pixels.frames] if known.times is not None else None
    meta = MovieMeta(
        path=file.path,
        format="BigTIFF" if tiff.is_bigtiff else "TIFF",
        dataset=stack.info.key,
        title=stack.info.title,
        frames=pixels.frames,
        height=stack.height,
        width=stack.width,
        dtype=stack.dtype.newbyteorder("=").name,
        pixel_size=known.pixel_size,
        pixel_unit=known.pixel_unit,
        times=times,
        segments=segments_of(pixels.frames, times),
        frame_interval_s=known.frame_interval_s if declared > 1 else None,
        exposure_s=known.exposure_s,
        scanned=known.scanned,
        voltage_kv=known.voltage_kv,
        magnification=known.magnification,
        detector=known.detector,
        date=known.date,
        intensity_origin=known.intensity_origin,
        intensity_scale=known.intensity_scale,
        intensity_unit=known.intensity_unit,
        declared_frames=declared,
        file_count=len(pixels.file_bytes) or 1,
        issues=tuple(_issues(stack, pixels, complaints)),
    )
    if pixels.file_bytes:
        meta = meta.model_copy(update={"file_bytes": sum(pixels.file_bytes), "fingerprint": file.fingerprint()})
    ours = movie_text(tiff.pages.first.description)
    if times and not ours and meta.frame_interval_s is None:
        meta = meta.model_copy(update={"frame_interval_s": even_interval(times)})
    return recall(meta, ours)


def _completed(meta: MovieMeta, facts: Facts) -> MovieMeta:
    """The description with what SerialEM's file beside it tells, where the movie itself is silent."""
    times = None if facts.times is None else facts.times[: meta.frames]
    told: dict[str, Any] = {
        name: getattr(facts, name)
        for name in ("exposure_s", "counts_per_electron", "voltage_kv", "magnification", "detector", "date", "scanned")
    }
    told |= {"dose_e_per_a2": facts.dose_e_per_a2, "start_unix_s": facts.start_unix_s, "times": times}
    told["frame_interval_s"] = facts.frame_interval_s if times is None else even_interval(times)
    told = {name: value for name, value in told.items() if value is not None and getattr(meta, name) is None}
    if "times" in told:
        told["segments"] = segments_of(meta.frames, times)
    if meta.pixel_size is None and facts.diffraction and facts.pixel_inverse is not None:
        told |= {"pixel_size": facts.pixel_inverse, "pixel_unit": "1/nm"}
    elif meta.pixel_size is None and not facts.diffraction and facts.pixel_size is not None:
        told |= {"pixel_size": facts.pixel_size, "pixel_unit": "nm"}
    return meta.model_copy(update={**told, "issues": (*meta.issues, *facts.issues)})


def _tags(file: RandomAccessFile) -> dict[str, Any]:
    with listening(), tifffile.TiffFile(Stream(file)) as tiff:  # type: ignore[arg-type]
        tags = [*tiff.pages.first.tags.values()]
        # Tags that lie across each other could fill the memory from a small file.
        room = min(_LARGEST_TAGS, len(tags) * _SMALL_TAG + file.size)
        found: dict[str, Any] = {}
        for tag in tags:
            room -= tag.valuebytecount
            found[tag.name] = tag.value if room >= 0 else f"{tag.count} values"
        return found


FORMAT = Format("TIFF", (".tif", ".tiff", ".btf", ".tf8"), _sniff, _entries)
