"""Makes QActions, menus and the tool bar from the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenuBar, QToolBar

from app.actions.action_info import ActionId, ActionInfo, Menu
from app.actions.catalogue import CATALOGUE
from app.theme.icons import icon


def translated(text: str) -> str:
    """The words of an action in the user's language."""
    return QCoreApplication.translate("actions", text)


class ActionRegistry(QObject):
    """The actions of one window."""

    def __init__(self, callbacks: Mapping[ActionId, Callable[..., None]], parent: QObject) -> None:
        super().__init__(parent)
        self._actions: dict[ActionId, QAction] = {}
        self._groups: dict[str, QActionGroup] = {}
        for info in CATALOGUE:
            self._actions[info.id] = self._make(info, callbacks[info.id])
        self.refresh_icons()

    def __getitem__(self, identity: ActionId) -> QAction:
        return self._actions[identity]

    def _make(self, info: ActionInfo, callback: Callable[..., None]) -> QAction:
        action = QAction(translated(info.text), self)
        action.setObjectName(info.id.value)
        shortcuts = [QKeySequence(shortcut) for shortcut in info.shortcuts]
        action.setShortcuts(shortcuts)
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setCheckable(info.checkable)
        tip = translated(info.tip)
        keys = shortcuts[0].toString(QKeySequence.SequenceFormat.NativeText) if shortcuts else ""
        action.setToolTip(f"{tip} ({keys})" if keys else tip)
        action.setStatusTip(tip)
        if info.short:
            action.setIconText(translated(info.short))
        if info.group:
            if info.group not in self._groups:
                self._groups[info.group] = QActionGroup(self)
            self._groups[info.group].addAction(action)
        if info.checkable and not info.group:
            action.toggled.connect(callback)
        else:
            action.triggered.connect(lambda *_: callback())
        return action

    def refresh_icons(self) -> None:
        """Draw the icons in the palette's colours."""
        for info in CATALOGUE:
            if info.icon:
                self._actions[info.id].setIcon(icon(info.icon))

    def fill_menus(self, bar: QMenuBar) -> None:
        """Build the menu bar."""
        for menu in Menu:
            built = bar.addMenu(translated(menu.value))
            for info in CATALOGUE:
                if info.menu is not menu:
                    continue
                if info.separator_before:
                    built.addSeparator()
                built.addAction(self._actions[info.id])

    def fill_tool_bar(self, bar: QToolBar) -> None:
        """Build the tool bar."""
        before: Menu | None = None
        for info in CATALOGUE:
            if not info.short:
                continue
            if before is not None and (info.menu is not before or info.separator_before):
                bar.addSeparator()
            before = info.menu
            bar.addAction(self._actions[info.id])

    def keys_table(self) -> list[tuple[str, str]]:
        """(keys, what they do) of every action that has keys."""
        rows = []
        for info in CATALOGUE:
            if info.shortcuts:
                keys = ", ".join(
                    QKeySequence(k).toString(QKeySequence.SequenceFormat.NativeText) for k in info.shortcuts
                )
                rows.append((keys, translated(info.tip)))
        return rows
