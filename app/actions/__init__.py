"""Every action as data: menus, shortcuts and tool bars come from it."""

from __future__ import annotations
