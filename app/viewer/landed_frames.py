"""Finished frames of the running job, as they lie in the scratch ring."""

from __future__ import annotations

from app.scratch import read_slot
from app.viewer.picture import FrameMap, Picture, PictureKind
from core.protocol.denoise import Scratch
from core.protocol.engine import FrameLanded


class LandedFrames:
    """Which frames landed and where; the ring's older frames go as new ones come."""

    def __init__(self, scratch: Scratch, frame_map: FrameMap, label: str) -> None:
        self._scratch = scratch
        self._by_slot: dict[int, FrameLanded] = {}
        self._by_frame: dict[int, int] = {}
        self.frame_map = frame_map
        self.label = label
        self.landed: set[int] = set()

    def add(self, event: FrameLanded) -> None:
        """Remember a frame that landed; one that lay in its slot before is gone."""
        before = self._by_slot.get(event.slot)
        if before is not None:
            self._by_frame.pop(before.frame, None)
        self._by_slot[event.slot] = event
        self._by_frame[event.frame] = event.slot
        self.landed.add(event.frame)

    def __contains__(self, raw_frame: int) -> bool:
        return self.frame_map.to_result(raw_frame) in self._by_frame

    def has_gone(self, raw_frame: int) -> bool:
        """Whether the frame is finished but no longer in the ring; it is seen again when the run has ended."""
        frame = self.frame_map.to_result(raw_frame)
        return frame in self.landed and frame not in self._by_frame

    def picture(self, raw_frame: int) -> Picture | None:
        """The frame's picture, or None if it has not landed or its slot was used again."""
        frame = self.frame_map.to_result(raw_frame)
        slot = self._by_frame.get(frame) if frame is not None else None
        if slot is None:
            return None
        event = self._by_slot[slot]
        pixels = read_slot(self._scratch, slot, event.height, event.width)
        if pixels is None:
            return None
        return Picture(
            pixels=pixels,
            x=float(self.frame_map.x),
            y=float(self.frame_map.y),
            step=event.step,
            frame=raw_frame,
            low=event.low,
            high=event.high,
            kind=PictureKind.LANDED,
            label=self.label,
        )
