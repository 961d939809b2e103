"""How the engine stands: ready, silent, restarted or gone; which models it has; what the user is told of it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.job_queue.engine_link import Engine
from app.messages.notices import Choice, Notices
from app.model_manager.model_choice import ModelChoice
from app.settings.keeper import SettingsKeeper
from core.protocol.engine import EngineReady, ModelsListed


class EngineWatch(QObject):
    """Listens to the engine's state and fills the list of models.

    Attributes
    ----------
    device_kind : str
        ``cuda``, ``mps`` or ``cpu``: what it computes on unless told otherwise.
    """

    status_changed = Signal(str)
    models_listed = Signal()

    def __init__(
        self, engine: Engine, models: ModelChoice, settings: SettingsKeeper, notices: Notices, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._engine, self._models, self._settings, self._notices = engine, models, settings, notices
        self.device_kind = "cpu"
        self._is_silent = False
        self._ready_text = ""
        engine.event_received.connect(self._on_event)
        engine.ready.connect(self._on_ready)
        engine.silent.connect(self._on_silent)
        engine.crashed.connect(self._on_crashed)
        engine.gave_up.connect(self._on_gave_up)

    def _on_event(self, event: object) -> None:
        if self._is_silent:
            self._is_silent = False
            self._notices.withdraw("engine-silent")
            self.status_changed.emit(self._ready_text)
        if isinstance(event, ModelsListed):
            chosen = self._settings.now.model
            names = {card.name for card in event.models}
            self._models.set_models(event.models, chosen if chosen in names else None, event.default)
            self.models_listed.emit()
            if not event.models:
                self._models.say_missing(self.tr("No model is installed."))
            for problem in event.problems:
                self._notices.tell_error(problem, f"model:{problem.path}")

    def _on_ready(self, ready: EngineReady) -> None:
        self._notices.withdraw("engine-silent")
        usable = [device for device in ready.devices if device.problem is None]
        self.device_kind = usable[0].kind if usable else "cpu"
        name = usable[0].name if usable else self.tr("no device")
        self._ready_text = self.tr("Engine ready · {0}").format(name)
        self.status_changed.emit(self._ready_text)
        self._notices.withdraw("engine-gone")
        for device in ready.devices:
            if device.problem is not None:
                self._notices.tell("warning", f"{device.name}: {device.problem}", f"device:{device.name}")
        self._engine.list_models()

    def _on_silent(self) -> None:
        self._is_silent = True
        self.status_changed.emit(self.tr("Engine not answering"))
        self._notices.tell(
            "warning",
            self.tr("The engine has not answered for a while. It may be busy, or it hangs. Finished frames are kept."),
            "engine-silent",
            Choice(self.tr("Stop it"), self._engine.stop_now),
        )

    def _on_crashed(self, _log_tail: str) -> None:
        self.status_changed.emit(self.tr("Engine starting again…"))
        self._notices.withdraw("engine-silent")

    def _on_gave_up(self, log_tail: str) -> None:
        self.status_changed.emit(self.tr("Engine stopped"))
        last_words = (log_tail.strip().splitlines() or [""])[-1]
        self._notices.tell(
            "error",
            self.tr("The engine does not stay up. Movies can be looked at, but not denoised. {0}").format(last_words),
            "engine-gone",
            Choice(self.tr("Start it again"), self._engine.start),
        )
