"""The viewer: raw and denoised under one ViewState."""

from __future__ import annotations

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.scratch import ScratchFolder
from app.viewer.defects import NO_DEFECTS, Defects
from app.viewer.frame_bar import FrameBar
from app.viewer.image_view import Calibration
from app.viewer.landed_frames import LandedFrames
from app.viewer.pane import Pane
from app.viewer.picture import FrameMap, Picture, PictureKind
from app.viewer.player import Player
from app.viewer.reader_feed import FileSource, Reader, ReaderFeed, Wish
from app.viewer.trace_strip import TraceStrip
from app.viewer.view_state import Layout, PaneKind, ViewState
from app.words import count_text, frame_time_s, number_text
from core.protocol.base import ErrorInfo
from core.protocol.denoise import Region
from core.protocol.dose import dose_of
from core.protocol.movie import MovieMeta


class Viewer(QWidget):
    """Two panes, the frame bar, and where their pictures come from.

    The raw pane asks the reader for the movie. The denoised pane shows, in this order: the finished result, a frame of
    the running job that has landed, a draft of this frame, or a sentence that says how to get one.
    """

    picture_failed = Signal(object)
    view_changed = Signal()
    picture_shown = Signal(object)

    def __init__(self, reader: Reader, folder: ScratchFolder, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = ViewState(self)
        self.raw_pane = Pane(PaneKind.RAW, self.state, self)
        self.denoised_pane = Pane(PaneKind.DENOISED, self.state, self)
        self.frame_bar = FrameBar(self.state, self)
        self.trace = TraceStrip(self.state, self)
        self.player = Player(self.state, self.is_settled, self)
        self._raw_feed = ReaderFeed(reader, folder, "raw", self)
        self._result_feed = ReaderFeed(reader, folder, "result", self)
        self._meta: MovieMeta | None = None
        self._landed: LandedFrames | None = None
        self._pictures: dict[PaneKind, Picture | None] = dict.fromkeys(PaneKind)
        self._draft: Picture | None = None
        self._draft_awaited = False
        self._problem: ErrorInfo | None = None
        self._waiting_text = ""
        self._closed = False
        self._refresh_soon = QTimer(self)
        self._refresh_soon.setSingleShot(True)
        self._refresh_soon.setInterval(0)
        self._refresh_soon.timeout.connect(self._refresh)
        self._arrange()
        self._connect()
        self._on_layout()

    def _arrange(self) -> None:
        self._panes = QHBoxLayout()
        self._panes.setContentsMargins(0, 0, 0, 0)
        self._panes.addWidget(self.raw_pane, 1)
        self._panes.addWidget(self.denoised_pane, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._panes, 1)
        layout.addWidget(self.frame_bar)
        layout.addWidget(self.trace)

    def _connect(self) -> None:
        state = self.state
        state.geometry_changed.connect(self._on_view_changed)
        state.frame_changed.connect(self._on_view_changed)
        state.layout_changed.connect(self._on_layout)
        self.raw_pane.view.resized.connect(self._refresh_soon.start)
        self.denoised_pane.view.resized.connect(self._refresh_soon.start)
        self._raw_feed.picture_arrived.connect(self._on_raw_picture)
        self._raw_feed.failed.connect(self._on_raw_failed)
        self._result_feed.picture_arrived.connect(self._on_result_picture)
        self._result_feed.failed.connect(self.picture_failed)
        self.frame_bar.play_toggled.connect(self.player.toggle)
        self.player.playing_changed.connect(lambda: self.frame_bar.set_playing(self.player.playing))
        self.player.speed_measured.connect(self.frame_bar.show_speed)
        self.frame_bar.slider.sliderPressed.connect(self.player.stop)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(720, 520)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        # Both panes are equally wide to the pixel, so that a fitted image has one zoom: the gap takes the odd one.
        self._panes.setSpacing(3 if self.width() % 2 else 4)
        super().resizeEvent(event)

    @property
    def meta(self) -> MovieMeta | None:
        """The movie shown."""
        return self._meta

    def show_movie(self, path: str, meta: MovieMeta) -> None:
        """Show a movie from its first frame; forget what was shown of another."""
        self.player.stop()
        self._meta, self._problem = meta, None
        self._landed, self._draft, self._draft_awaited = None, None, False
        self._raw_feed.set_source(_raw_source(path, meta))
        self._result_feed.set_source(None)
        self._pictures = dict.fromkeys(PaneKind)
        self._show_calibration(meta)
        self.set_defects(NO_DEFECTS)
        self.trace.show_columns(())
        self.state.show_movie(meta.frames, meta.height, meta.width)
        self._on_layout()
        self._refresh_soon.start()

    def update_movie(self, path: str, meta: MovieMeta) -> None:
        """The same movie, calibrated anew or grown: frame and place stay as they are. Another one is shown as such."""
        shown = self._meta
        if shown is None or (shown.path, shown.dataset, shown.shape[1:]) != (meta.path, meta.dataset, meta.shape[1:]):
            self.show_movie(path, meta)
            return
        self._meta = meta
        self._raw_feed.set_source(_raw_source(path, meta))
        self._show_calibration(meta)
        self.state.set_frames(meta.frames)
        self._show_time()
        self._refresh_soon.start()

    def _show_calibration(self, meta: MovieMeta) -> None:
        known = meta.pixel_size is not None and meta.pixel_unit is not None
        calibration = Calibration(meta.pixel_size[1], meta.pixel_unit) if known else None
        for pane in (self.raw_pane, self.denoised_pane):
            pane.set_calibration(calibration)

    def set_defects(self, defects: Defects) -> None:
        """Mark bad pixels of the detector over the raw picture."""
        self.raw_pane.view.set_defects(defects)

    def show_problem(self, error: ErrorInfo) -> None:
        """A movie that cannot be shown: say why and what to do."""
        self._problem = error
        self.show_nothing()

    def show_nothing(self, text: str = "") -> None:
        """No movie, with a word about why."""
        self.player.stop()
        if text:
            self._problem = None
        self._waiting_text = text
        self._meta = None
        self._landed, self._draft, self._draft_awaited = None, None, False
        self._raw_feed.set_source(None)
        self._result_feed.set_source(None)
        self._pictures = dict.fromkeys(PaneKind)
        self.set_defects(NO_DEFECTS)
        self.trace.show_columns(())
        self.state.show_movie(0, 0, 0)
        self._on_layout()

    def shut(self) -> None:
        """Ask for nothing more: the window closes, and its scratch files go. A movie shown after that stays unread."""
        self._closed = True
        self.player.stop()
        self._meta = None
        self._refresh_soon.stop()
        self._raw_feed.set_source(None)
        self._result_feed.set_source(None)

    def set_result(self, source: FileSource | None) -> None:
        """Show a finished result in the denoised pane, or none."""
        if source == self._result_feed.source:
            return
        self._result_feed.set_source(source)
        self._refresh_soon.start()

    def set_landed(self, landed: LandedFrames | None) -> None:
        """Show frames of a running job as they land, or none."""
        self._landed = landed
        self._refresh_soon.start()

    def frame_landed(self, raw_frame: int, *, follow: bool) -> None:
        """A frame of the running job landed: go to it if following, else show it if it is the one looked at."""
        if follow and not self.player.playing:
            self.state.set_frame(raw_frame)
        landed = self._landed
        if landed is not None and landed.frame_map.to_result(self.state.frame) == landed.frame_map.to_result(raw_frame):
            self._refresh_soon.start()

    def set_draft(self, picture: Picture | None) -> None:
        """Show a draft where nothing better is known."""
        self._draft, self._draft_awaited = picture, False
        self._refresh_soon.start()

    def await_draft(self, awaited: bool) -> None:
        """Say that a draft is under way, or that it is not any more."""
        self._draft_awaited = awaited
        self._show_panes()

    def draft_region(self, most_pixels: int) -> Region | None:
        """The visible part of the image, cut about its centre to at most so many pixels; None without a movie."""
        wanted = self.denoised_pane.view.wanted_region(margin=0.0)
        if self._meta is None or wanted is None:
            return None
        region = wanted[0]
        height, width = region.y1 - region.y0, region.x1 - region.x0
        if height * width <= most_pixels:
            return region
        shrink = (most_pixels / (height * width)) ** 0.5
        h, w = max(16, int(height * shrink)), max(16, int(width * shrink))
        y0, x0 = region.y0 + (height - h) // 2, region.x0 + (width - w) // 2
        return Region(y0=y0, y1=min(y0 + h, region.y1), x0=x0, x1=min(x0 + w, region.x1))

    def visible_region(self) -> Region | None:
        """The visible part of the image, or None without a movie."""
        return self.draft_region(1 << 62)

    def has_draft_of(self, region: Region, label: str) -> bool:
        """Whether the draft that is shown is of this region of this frame, by this model."""
        draft = self._draft
        if draft is None or draft.frame != self.state.frame or draft.label != label:
            return False
        return draft.rect == (region.x0, region.y0, region.x1 - region.x0, region.y1 - region.y0)

    def shows_better_than_draft(self) -> bool:
        """Whether this frame is denoised already."""
        source, landed, frame = self._result_feed.source, self._landed, self.state.frame
        if source is not None and source.frame_map.to_result(frame) is not None:
            return True
        return landed is not None and frame in landed

    def is_settled(self) -> bool:
        """Whether everything wished for is shown."""
        return not (self._raw_feed.busy or self._result_feed.busy or self._refresh_soon.isActive())

    def auto_contrast(self) -> None:
        """Choose the contrast of both panes by percentiles of what they show."""
        for kind in PaneKind:
            self.state.set_contrast(kind, None)

    def zoom_by(self, factor: float) -> None:
        """Zoom about the centre."""
        self.state.set_zoom(self.raw_or_denoised().view.zoom() * factor)

    def raw_or_denoised(self) -> Pane:
        """A pane that is seen."""
        return self.denoised_pane if self.state.layout is Layout.DENOISED else self.raw_pane

    def _on_layout(self, *_: object) -> None:
        layout = self.state.layout if self._meta is not None else Layout.RAW
        self.raw_pane.setVisible(layout is not Layout.DENOISED)
        self.denoised_pane.setVisible(layout is not Layout.RAW)
        self.raw_pane.show_controls(self._meta is not None)
        self.frame_bar.setVisible(self._meta is not None)
        self._show_panes()
        self._refresh_soon.start()

    def _on_view_changed(self, *_: object) -> None:
        self._refresh_soon.start()
        self.view_changed.emit()

    def _refresh(self) -> None:
        """Ask for what is wanted and not yet shown."""
        if self._meta is None or self._closed:
            return
        wanted = self.raw_or_denoised().view.wanted_region()
        visible = self.raw_or_denoised().view.wanted_region(margin=0.0)
        if wanted is None or visible is None:
            return
        wish = Wish(self.state.frame, wanted[0], wanted[1])
        if not _covers(self._pictures[PaneKind.RAW], visible, self.state.frame, None):
            self._raw_feed.ask(wish)
        self._refresh_denoised(wish, visible)
        self._show_time()

    def _refresh_denoised(self, wish: Wish, visible: tuple[Region, int]) -> None:
        source = self._result_feed.source
        frame = self.state.frame
        if source is not None and source.frame_map.to_result(frame) is not None:
            clipped = source.frame_map.clip(visible[0])
            if clipped is not None:
                shown = self._pictures[PaneKind.DENOISED]
                is_result = shown is not None and shown.kind is PictureKind.RESULT and shown.label == source.label
                if not (is_result and _covers(shown, visible, frame, source.frame_map)):
                    self._result_feed.ask(wish)
                return
        picture = self._landed.picture(frame) if self._landed is not None else None
        if picture is None and self._draft is not None and self._draft.frame == frame:
            picture = self._draft
        if picture is not None:
            picture = picture.averaged(visible[1])
        self._pictures[PaneKind.DENOISED] = picture
        self._show_panes()
        if picture is not None:
            self.picture_shown.emit(picture)

    def _on_raw_picture(self, picture: Picture) -> None:
        self._pictures[PaneKind.RAW] = picture
        self._problem = None
        self._show_panes(PaneKind.RAW)
        self.picture_shown.emit(picture)

    def _on_result_picture(self, picture: Picture) -> None:
        self._pictures[PaneKind.DENOISED] = picture
        self._show_panes(PaneKind.DENOISED)
        self.picture_shown.emit(picture)

    def _on_raw_failed(self, error: ErrorInfo) -> None:
        self._problem = error
        self.player.stop()
        self._show_panes()
        self.picture_failed.emit(error)

    def _show_panes(self, only: PaneKind | None = None) -> None:
        for pane in (self.raw_pane, self.denoised_pane):
            kind = pane.kind
            if self.state.blinking:
                kind = PaneKind.RAW if kind is PaneKind.DENOISED else PaneKind.DENOISED
            if only is not None and kind is not only:
                continue
            picture = self._pictures[kind]
            pane.show_picture(kind, picture)
            pane.caption.set_full_text(self._caption(kind, picture))
            pane.view.set_message("" if picture is not None else self._message(kind))

    def _caption(self, kind: PaneKind, picture: Picture | None) -> str:
        if self._meta is None:
            return ""
        if picture is None:
            return self.tr("Raw") if kind is PaneKind.RAW else self.tr("Not denoised")
        number = self.tr("frame {0}").format(count_text(picture.frame + 1))
        words = {
            PictureKind.RAW: self.tr("Raw · {0}"),
            PictureKind.DRAFT: self.tr("Draft · {0} · {1}"),
            PictureKind.LANDED: self.tr("Denoised so far · {0} · {1}"),
            PictureKind.RESULT: self.tr("Denoised · {0} · {1}"),
        }
        return words[picture.kind].format(number, picture.label)

    def _message(self, kind: PaneKind) -> str:
        if self._problem is not None:
            parts = (self._problem.what, self._problem.advice, self._problem.path or "")
            return "\n\n".join(part for part in parts if part) if kind is PaneKind.RAW else ""
        if self._meta is None:
            return self._waiting_text if kind is PaneKind.RAW else ""
        if kind is PaneKind.RAW:
            return ""
        if self._draft_awaited:
            return self.tr("Denoising a draft of this frame…")
        if self._result_feed.source is not None and self._result_feed.busy:
            return ""
        if self._landed is not None:
            if self._landed.has_gone(self.state.frame):
                return self.tr("This frame is finished. It is shown again when the run has ended.")
            if self._landed.frame_map.to_result(self.state.frame) is None:
                return self.tr("This frame lies outside the range that is being denoised.")
            return self.tr("This frame is not denoised yet. It appears here when it lands.")
        return self.tr("Not denoised yet.\nPress D for a draft of what you see.")

    def _show_time(self) -> None:
        state = self.state
        words = self.tr("Frame {0} of {1}, zoom {2:.0%}").format(
            state.frame + 1, state.frames, self.raw_or_denoised().view.zoom()
        )
        for pane in (self.raw_pane, self.denoised_pane):
            pane.view.setAccessibleDescription(f"{pane.caption.full_text()}. {words}")
        seconds = frame_time_s(self._meta, self.state.frame) if self._meta is not None else None
        parts = ["" if seconds is None else f"{seconds:.3f} s"]
        dose = dose_of(self._meta).at(self.state.frame) if self._meta is not None else None
        if dose is not None:
            parts.append(self.tr("{0} e⁻/Å²").format(number_text(dose, 3)))
        self.frame_bar.show_time(" · ".join(part for part in parts if part))


def _raw_source(path: str, meta: MovieMeta) -> FileSource:
    frame_map = FrameMap(0, 1, meta.frames, 0, 0, meta.height, meta.width)
    return FileSource(path, meta.dataset or None, frame_map, PictureKind.RAW)


def _covers(picture: Picture | None, visible: tuple[Region, int], frame: int, frame_map: FrameMap | None) -> bool:
    """Whether a picture shows a region of a frame at the step wanted."""
    region, step = visible
    if picture is None or picture.step != step:
        return False
    if picture.frame != frame and (
        frame_map is None or frame_map.to_result(picture.frame) != frame_map.to_result(frame)
    ):
        return False
    x, y, width, height = picture.rect
    y0, y1, x0, x1 = region.y0, region.y1, region.x0, region.x1
    if frame_map is not None:
        y0, y1 = max(y0, frame_map.y), min(y1, frame_map.y + frame_map.height)
        x0, x1 = max(x0, frame_map.x), min(x1, frame_map.x + frame_map.width)
    slack = step
    return x <= x0 + slack and y <= y0 + slack and x + width >= x1 - slack and y + height >= y1 - slack
