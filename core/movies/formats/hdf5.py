"""HDF5 in all its dialects: each is asked in turn, and what none of them knows is listed as it is.

A key is the path of a dataset; ``PATH?frames=0`` (or 1, 2, ``first``, ``last``) chooses the axis that steps through
the frames.
"""

from __future__ import annotations

from dataclasses import replace

from core.movies.errors import Malformed
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format
from core.movies.formats import dm5, emd_berkeley, emd_velox, hdf5_file, hdf5_plain, hyperspy
from core.movies.formats.hdf5_file import Container, Stream, Tree
from core.movies.formats.hdf5_layout import elsewhere
from core.movies.formats.hdf5_movie import Found, choose_roles, entry_of, kept_axes, roles_of

_EXTENSIONS = (".emd", ".hspy", ".dm5", ".nxs", ".nx5", ".h5", ".hdf5", ".hdf", ".he5", ".mat", ".nc")
_CHOICE = "?frames="
_MOST_LINKS = 100


def _sniff(head: bytes, _extension: str) -> bool:
    return hdf5_file.signature_at(head) is not None


def _entries(file: RandomAccessFile) -> list[Entry]:
    with hdf5_file.opened(file) as container:
        images = dm5.entries(file, container)
        entries = images or []
        if images is None:
            found = _found(file, container)
            entries = [*(entry_of(file, item) for item in found), *_others(file, found)]
        entries += _elsewhere(file, container.tree)
        if not any(entry.info.refusal is None for entry in entries):
            _complain(file, container.stream, entries)
        return entries


def _found(file: RandomAccessFile, container: Container) -> list[Found]:
    found = emd_velox.found_in(file, container) or hyperspy.found_in(container)
    return found or emd_berkeley.found_in(container) or hdf5_plain.found_in(container)


def _others(file: RandomAccessFile, found: list[Found]) -> list[Entry]:
    """The other choice of the frames' axis, where nothing in the file tells which one it is."""
    entries = []
    for item in found:
        roles = choose_roles(item)
        kept = kept_axes(item.layout.shape)
        if item.layout.refusal or item.roles is not None or item.axes or len(kept) != 3 or isinstance(roles, str):
            continue
        axis, word = (kept[0], "first") if roles.frames == kept[-1] else (kept[-1], "last")
        title = f"{item.title} (frames along the {word} axis)"
        other = replace(item, title=title, roles=roles_of(item, kept, axis))
        entries.append(entry_of(file, other, f"{item.layout.path}{_CHOICE}{word}"))
    return entries


def _complain(file: RandomAccessFile, stream: Stream, entries: list[Entry]) -> None:
    """Where nothing can be opened: a damaged file is told as such, rather than as an empty one."""
    if stream.failure is not None:
        raise stream.failure
    if not entries:
        raise Malformed.about(
            file.path,
            "The HDF5 file holds no image and no movie: no dataset has two axes or more.",
            "Check that it is the file with the images; some programs put them into another file beside it.",
        )


def _elsewhere(file: RandomAccessFile, tree: Tree) -> list[Entry]:
    """Links to other files are named, and never followed."""
    return [
        entry_of(file, Found(elsewhere(link.path, link.file), "HDF5", link.path))
        for link in tree.externals[:_MOST_LINKS]
    ]


def _entry(file: RandomAccessFile, key: str) -> Entry | None:
    """A dataset with the axis of its frames chosen by the user."""
    path, choice, axis = key.rpartition(_CHOICE)
    if not choice:
        return None
    with hdf5_file.opened(file) as container:
        if path not in container.tree.datasets:
            return None
        found = next((item for item in _found(file, container) if item.layout.path == path), None)
        chosen = _with_frames(found or hdf5_plain.found_at(container, path), axis)
        return None if chosen is None else entry_of(file, chosen, key)


def _with_frames(found: Found, axis: str) -> Found | None:
    kept = kept_axes(found.layout.shape)
    if found.layout.refusal is not None or len(kept) != 3:
        return None
    places = {"first": kept[0], "last": kept[-1], **{str(place): place for place in kept}}
    if axis not in places:
        return None
    return replace(found, roles=roles_of(found, kept, places[axis]))


FORMAT = Format("HDF5", _EXTENSIONS, _sniff, _entries, _entry)
