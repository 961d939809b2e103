"""Asking for jobs and following them: the Denoise form, progress, resume."""

from __future__ import annotations
