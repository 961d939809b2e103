"""Torch modules, one family a file. They import torch alone: no files, no cards, no protocol."""

from __future__ import annotations
