"""What can be asked of the engine: one file a job, each with ``run(request, store, context)``.

Nothing is imported here, so that the engine can prepare itself before torch is loaded.
"""

from __future__ import annotations
