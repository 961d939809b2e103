"""Movies in many files: handles opened late, few at a time, and read as one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.movies import file_set
from core.movies.errors import Malformed, MovieError, Unreadable
from core.movies.file_set import FileSet, JoinedFiles


def _files(folder: Path, contents: list[bytes]) -> list[Path]:
    paths = [folder / f"part {place}.raw" for place in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def _read(joined: JoinedFiles, offset: int, count: int) -> bytes:
    buffer = bytearray(count)
    joined.read_into(offset, memoryview(buffer))
    return bytes(buffer)


def test_nothing_is_opened_before_it_is_read(tmp_path: Path) -> None:
    files = FileSet([tmp_path / "missing.raw"])
    with pytest.raises(Unreadable), files.file(0):
        pass


def test_only_a_few_files_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    closed: list[str] = []

    class Watched(file_set.RandomAccessFile):
        def __init__(self, path: str) -> None:
            super().__init__(path)
            opened.append(self.path)

        def close(self) -> None:
            closed.append(self.path)
            super().close()

    monkeypatch.setattr(file_set, "RandomAccessFile", Watched)
    files = FileSet(_files(tmp_path, [bytes([k]) for k in range(50)]))
    for place in range(50):
        with files.file(place) as file:
            assert file.read(0, 1) == bytes([place])
    assert len(opened) == 50
    assert len(opened) - len(closed) == file_set.MOST_OPEN
    files.close()
    assert len(opened) == len(closed)


def test_file_in_use_is_closed_only_after_its_read(tmp_path: Path) -> None:
    files = FileSet(_files(tmp_path, [b"abc"]))
    with files.file(0) as file:
        files.close()
        assert file.read(0, 3) == b"abc"
    with pytest.raises(MovieError), files.file(0):
        pass


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_joined_files_read_as_their_parts_in_a_row(tmp_path: Path, data: st.DataObject) -> None:
    contents = data.draw(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=6))
    parts = []
    for content in contents:
        first = data.draw(st.integers(0, len(content) - 1))
        parts.append((first, data.draw(st.integers(0, len(content) - first))))
    whole = b"".join(c[first : first + count] for c, (first, count) in zip(contents, parts, strict=True))
    joined = JoinedFiles(FileSet(_files(tmp_path, contents)), parts)
    assert joined.size == len(whole)
    offset = data.draw(st.integers(0, len(whole)))
    count = data.draw(st.integers(0, len(whole) - offset))
    assert _read(joined, offset, count) == whole[offset : offset + count]
    joined.close()


@pytest.mark.parametrize(("offset", "count"), [(-1, 1), (0, 7), (6, 1), (0, -1)])
def test_range_outside_is_refused_before_it_is_read(tmp_path: Path, offset: int, count: int) -> None:
    joined = JoinedFiles(FileSet(_files(tmp_path, [b"abc", b"def"])), [(0, 3), (0, 3)])
    with pytest.raises(Malformed):
        joined.check(offset, count)


def test_eight_threads_agree(tmp_path: Path) -> None:
    contents = [bytes([k]) * 1000 for k in range(40)]
    joined = JoinedFiles(FileSet(_files(tmp_path, contents)), [(0, 1000)] * 40)
    start = threading.Barrier(8)

    def look(thread: int) -> bool:
        start.wait()
        return all(
            _read(joined, (k * 37 + thread * 5) % 39 * 1000 + 500, 1000)
            == b"".join(contents)[(k * 37 + thread * 5) % 39 * 1000 + 500 :][:1000]
            for k in range(50)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(8)))
    joined.close()


def test_fingerprint_follows_the_content(tmp_path: Path) -> None:
    first = FileSet(_files(tmp_path, [b"abc", b"def", b"ghi"])).fingerprint(9)
    assert first == FileSet(_files(tmp_path, [b"abc", b"def", b"ghi"])).fingerprint(9)
    assert first != FileSet(_files(tmp_path, [b"abc", b"dXf", b"ghi"])).fingerprint(9)
