"""Where jobs are done: batches one after the other, and what is urgent between two of their tiles."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from pydantic import BaseModel

from core.child.channel import leave
from core.denoising.context import Cancelled
from core.denoising.devices import torch_threads
from core.engine.task import Task, TaskContext
from core.jobs.errors import error_info, is_device_failure
from core.jobs.table import run_job
from core.models import ModelStore
from core.protocol.clean_up import DetectorRequest
from core.protocol.denoise import TrainJobRequest
from core.protocol.engine import JobCancelled, JobDone, JobFailed, JobStarted
from core.protocol.export import ExportRequest
from core.protocol.jobs import Request

log = logging.getLogger("quietbeam.engine")

DEVICE_FAILED = 70


class Workshop:
    """Takes jobs from one thread and does them in another (`work`).

    A draft makes every older draft pointless. Drafts and estimates are done in the thread of the running batch, where
    it asks whether it is to stop: so they never compute at the same time.
    """

    def __init__(self, send: Callable[[BaseModel], None], store: ModelStore) -> None:
        self._send = send
        self._store = store
        self._condition = threading.Condition()
        self._urgent: deque[Task] = deque()
        self._batches: deque[Task] = deque()
        self._running: list[Task] = []
        self._stopping = False

    @property
    def busy(self) -> tuple[int, ...]:
        """Numbers of the jobs that were begun and have not ended."""
        with self._condition:
            return tuple(task.number for task in self._running)

    def add(self, number: int, request: Request) -> None:
        """Take a job."""
        task = Task(number, request)
        pointless: list[Task] = []
        with self._condition:
            if task.is_draft:
                pointless = [old for old in self._urgent if old.is_draft]
                self._urgent = deque(old for old in self._urgent if not old.is_draft)
                for old in self._running:
                    if old.is_draft:
                        old.cancel()
            (self._urgent if task.urgent else self._batches).append(task)
            self._condition.notify()
        for old in pointless:
            self._send(JobCancelled(id=old.number))

    def cancel(self, number: int) -> None:
        """Stop a job: at once if it waits, at its next check if it runs; unknown numbers have ended already."""
        waited = False
        with self._condition:
            for line in (self._urgent, self._batches):
                for task in [task for task in line if task.number == number]:
                    line.remove(task)
                    waited = True
            for task in self._running:
                if task.number == number:
                    task.cancel()
        if waited:
            self._send(JobCancelled(id=number))

    def stop(self) -> None:
        """Cancel everything and let `work` end."""
        with self._condition:
            self._stopping = True
            self._urgent.clear()
            self._batches.clear()
            for task in self._running:
                task.cancel()
            self._condition.notify()

    def work(self) -> None:
        """Do jobs until `stop`."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._stopping or self._urgent or self._batches)
                if self._stopping:
                    return
                task = (self._urgent or self._batches).popleft()
                self._running.append(task)
            self._do(task)

    def _serve_urgent(self) -> None:
        """Do what is urgent; called by a batch between two tiles."""
        while True:
            with self._condition:
                if not self._urgent:
                    return
                task = self._urgent.popleft()
                self._running.append(task)
            # A draft chooses its own number of threads; the batch around it goes on with the one of its plan.
            with torch_threads():
                self._do(task)

    def _do(self, task: Task) -> None:
        if isinstance(task.request, TrainJobRequest | ExportRequest | DetectorRequest):
            # A denoise and a rerun say so themselves, with their plan; drafts and estimates are over at once.
            self._send(JobStarted(id=task.number))
        try:
            result = run_job(task.request, self._store, TaskContext(task, self._send, self._serve_urgent))
            event: BaseModel = JobDone(id=task.number, result=result)
        except Cancelled:
            event = JobCancelled(id=task.number, finished=task.finished)
        except Exception as error:
            if is_device_failure(error):
                # Only a new process can use the device again; whoever listens sends the job once more.
                log.exception("the device failed")
                leave(DEVICE_FAILED)
            info = error_info(error)
            if info.code == "internal":
                log.exception("job %s failed", task.number)
            event = JobFailed(id=task.number, error=info, finished=task.finished)
        with self._condition:
            self._running.remove(task)
        self._send(event)
