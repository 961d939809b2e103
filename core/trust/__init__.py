"""Whether a denoiser's atoms can be believed: null tests, spike-ins, and atoms that come back."""

from __future__ import annotations
