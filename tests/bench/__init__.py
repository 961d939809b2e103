"""Measurements: `python -m tests.bench.NAME [--quick]`. They report figures; the tests run each once, quickly."""
