"""The common language of window, reader, engine and command line: pydantic models, nothing else.

One line of JSON is one message. Requests go to a child's stdin, events come from its stdout.
"""

from __future__ import annotations
