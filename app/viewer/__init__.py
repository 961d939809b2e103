"""Raw and denoised side by side: one ViewState, panes that render it."""

from __future__ import annotations
