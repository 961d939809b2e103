"""Tests of the frozen program: `make freeze` builds it and runs them; without a build they are skipped."""
