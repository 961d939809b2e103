"""Films: H.264 by an ffmpeg that the user has installed, else MPEG-4 by the encoder that comes with OpenCV.

No GPL encoder is shipped; ffmpeg is another program, started with an argument list and fed through its standard input.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

import numpy as np

from core.exporting.errors import ExportError, export_error
from core.exporting.picture import Grey
from core.movies.errors import unwritable

_ASKING_S = 15.0
_ENDING_S = 600.0
# In the order of liking; each with the options that give a good picture.
_H264: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("libx264", ("-preset", "medium", "-crf", "18")),
    ("h264_videotoolbox", ("-b:v", "20M")),
    ("h264_mf", ("-b:v", "20M")),
    ("libopenh264", ("-b:v", "20M")),
)


class Film(Protocol):
    """Takes pictures of one size, in order; `finish` completes the file, leaving without it removes it."""

    codec: str

    def write(self, picture: Grey) -> None:
        """Add a picture (H, W) with even sides."""

    def finish(self) -> None:
        """Complete the file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def find_ffmpeg() -> str | None:
    """The ffmpeg on PATH; one that merely lies in the working folder is not taken."""
    found = shutil.which("ffmpeg")
    if found is None:
        return None
    folder = Path(found).absolute().parent
    on_path = {Path(part).absolute() for part in os.environ.get("PATH", "").split(os.pathsep) if part not in ("", ".")}
    return str(Path(found).absolute()) if folder in on_path else None


def h264_of(ffmpeg: str) -> tuple[str, tuple[str, ...]] | None:
    """The best H.264 encoder that an ffmpeg has; None if it has none, or doesn't run."""
    try:
        asked = subprocess.run(
            [ffmpeg, "-hide_banner", "-encoders"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASKING_S,
            check=False,
            **_quietly(),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    words = set(asked.stdout.decode("utf-8", "replace").split())
    return next((pair for pair in _H264 if pair[0] in words), None)


def ffmpeg_arguments(
    ffmpeg: str, codec: tuple[str, tuple[str, ...]], width: int, height: int, fps: float, output: Path
) -> list[str]:
    """How ffmpeg is started: grey pictures come in on standard input, an MP4 goes out."""
    return [
        ffmpeg,
        *("-hide_banner", "-loglevel", "error", "-nostdin", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}", "-r", f"{fps:.6g}", "-i", "pipe:0"),
        *("-an", "-c:v", codec[0], *codec[1], "-pix_fmt", "yuv420p", "-movflags", "+faststart"),
        # The name ends in .partial, so the container is said.
        *("-f", "mp4", f"file:{output.absolute()}"),
    ]


def _quietly() -> dict[str, Any]:
    """On Windows no console flashes up."""
    return {"creationflags": 0x08000000} if sys.platform == "win32" else {}


class FfmpegFilm:
    """A film by ffmpeg; see `Film`."""

    def __init__(
        self, ffmpeg: str, codec: tuple[str, tuple[str, ...]], size: tuple[int, int], fps: float, output: Path
    ):
        self.codec = f"H.264 ({codec[0]} of ffmpeg)"
        self._output = output
        self._done = False
        # What it complains of goes into a file: a full pipe would stop it.
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            ffmpeg_arguments(ffmpeg, codec, size[1], size[0], fps, output),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._words,
            **_quietly(),
        )

    def write(self, picture: Grey) -> None:
        """As of `Film`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).data)
        except OSError as error:
            raise self._failed() from error

    def finish(self) -> None:
        """As of `Film`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            code = self._process.wait(_ENDING_S)
        except (OSError, subprocess.SubprocessError) as error:
            raise self._failed() from error
        if code != 0:
            raise self._failed()
        self._done = True

    def _failed(self) -> ExportError:
        with suppress(OSError, subprocess.SubprocessError):
            self._process.wait(5)
        self._words.seek(0)
        said = " ".join(self._words.read(2000).decode("utf-8", "replace").split())
        if "No space left" in said:
            return export_error(
                "disk-full", "The disk is full.", str(self._output), "Free some space, or choose another disk."
            )
        what = f"ffmpeg could not make the film: {said[-300:] or 'it ended early'}."
        return export_error("unreadable", what, str(self._output), "Try a GIF, or update ffmpeg.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._done:
            self._process.kill()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
        self._words.close()
        if not self._done:
            self._output.unlink(missing_ok=True)


class OpenCvFilm:
    """A film by OpenCV, MPEG-4 part 2; see `Film`. OpenCV tells of no error in writing, so the file is looked at."""

    def __init__(self, size: tuple[int, int], fps: float, output: Path) -> None:
        import cv2

        self.codec = "MPEG-4 (OpenCV)"
        self._output = output
        self._frames = 0
        self._done = False
        # It knows the container by the name's end only.
        self._making = Path(f"{output}.mp4")
        code = cv2.VideoWriter.fourcc(*"mp4v")
        self._writer = cv2.VideoWriter(str(self._making), cv2.CAP_FFMPEG, code, fps, (size[1], size[0]), isColor=False)
        if not self._writer.isOpened():
            self._making.unlink(missing_ok=True)
            what = f"The film of {size[1]} x {size[0]} px at {fps:g} frames a second could not be begun."
            raise export_error(
                "unreadable", what, str(output), "Check that the folder can be written to, or try a GIF."
            )

    def write(self, picture: Grey) -> None:
        """As of `Film`."""
        self._writer.write(np.ascontiguousarray(picture))
        self._frames += 1

    def finish(self) -> None:
        """As of `Film`."""
        import cv2

        self._writer.release()
        reader = cv2.VideoCapture(str(self._making), cv2.CAP_FFMPEG)
        found = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
        reader.release()
        if found != self._frames:
            what = f"The film holds {found} of {self._frames} frames: the disk may be full."
            raise export_error("disk-full", what, str(self._output), "Free some space, or choose another disk.")
        try:
            self._making.replace(self._output)
        except OSError as error:
            raise unwritable(self._output, error) from error
        self._done = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.release()
        if not self._done:
            self._making.unlink(missing_ok=True)
            self._output.unlink(missing_ok=True)


def open_film(size: tuple[int, int], fps: float, output: Path) -> Film:
    """The best film that this computer can make.

    Parameters
    ----------
    size : tuple of int
        (height, width), both even.
    fps : float
        Frames a second.
    output : Path
        Any name; the container is MP4.
    """
    ffmpeg = find_ffmpeg()
    codec = None if ffmpeg is None else h264_of(ffmpeg)
    if ffmpeg is not None and codec is not None:
        with suppress(OSError):
            return FfmpegFilm(ffmpeg, codec, size, fps, output)
    return OpenCvFilm(size, fps, output)
