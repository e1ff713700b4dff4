"""The one thread that owns the device: drain cancels, admit, forward, sampler steps, emit; over and over.

A request that fails harms no other: a batch that fails is run again request by request, and one that runs out
of memory in halves, until only what cannot run alone is failed.
"""

import threading
import time
from dataclasses import dataclass, field

import structlog
import torch
from serving.errors import DeadlineUnreachable, Overloaded, QuadrilleError, TooLarge, Unavailable

from imagegen.denoising import DenoisingTask, forward
from imagegen.events import DeviceEvent, Done, RawImage, RawPreview
from imagegen.mailbox import Mailbox
from imagegen.metrics import ImagegenMetrics
from imagegen.scheduler import (
    Admission,
    Batch,
    DropReason,
    Entry,
    QueueFullError,
    Scheduler,
    Slice,
    StepDone,
)
from imagegen.tasks import Task
from imagegen.timing import PhaseClock

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Job:
    """A task, its reader, and its times."""

    id: int
    task: Task
    mailbox: Mailbox
    clock: PhaseClock = field(default_factory=lambda: PhaseClock(time.monotonic()))
    previewed: bool = False


class Worker:
    """Runs jobs on a thread of its own. All public methods may be called from any thread."""

    def __init__(self, scheduler: Scheduler, metrics: ImagegenMetrics, threads: int | None = None) -> None:
        """`threads` bounds the CPU threads of a forward pass; None leaves torch's own choice."""
        self._scheduler = scheduler
        self._metrics = metrics
        self._threads = threads
        self._jobs: dict[int, Job] = {}
        self._work = threading.Condition()
        self._stopping = False
        self._progress_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="imagegen-device", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Fail what is left and wait for the thread to end."""
        with self._work:
            self._stopping = True
            self._work.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def submit(self, job: Job, priority: int, deadline: float | None) -> int:
        """Queue a job; returns how many are ahead. Raises Overloaded, DeadlineUnreachable, Unavailable."""
        if deadline is not None and deadline <= time.monotonic():
            self._metrics.admission_rejections_total.labels("deadline").inc()
            raise DeadlineUnreachable("the deadline passed before the request was queued")
        with self._work:
            if self._stopping:
                raise Unavailable("the server is shutting down")
            if self._scheduler.idle:
                self._progress_at = time.monotonic()
            try:
                position = self._scheduler.submit(Entry(job.id, job.task.stage, priority, deadline))
            except QueueFullError:
                self._metrics.admission_rejections_total.labels("queue_full").inc()
                raise Overloaded("too many requests wait for the image engine", 1.0) from None
            self._jobs[job.id] = job
            self._measure()
            self._work.notify()
        return position

    def cancel(self, job_id: int) -> None:
        """Drop a job before the next step; ignored if it is done."""
        with self._work:
            self._scheduler.cancel(job_id)
            self._work.notify()

    def healthy(self, stall_seconds: float) -> bool:
        """False when the thread is gone, or work waits and nothing moved for `stall_seconds`."""
        with self._work:
            idle = self._scheduler.idle
        moving = time.monotonic() - self._progress_at < stall_seconds
        return self._thread.is_alive() and (idle or moving)

    def _run(self) -> None:
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            while True:
                try:
                    if not self._turn():
                        break
                except Exception as error:  # the device thread never dies
                    log.exception("device_turn_failed")
                    for job_id in list(self._jobs):
                        self._fail(job_id, error)
        for job_id in list(self._jobs):
            self._fail(job_id, Unavailable("the server is shutting down"))

    def _turn(self) -> bool:
        """One round of the loop; False when the worker is to stop."""
        with self._work:
            while self._scheduler.idle and not self._stopping:
                self._work.wait()
            if self._stopping:
                return False
            admission = self._scheduler.admit(time.monotonic())
            self._measure()
        self._settle(admission)
        with self._work:
            batch = self._scheduler.next_batch()
        if batch is not None:
            begun = time.monotonic()
            self._execute(batch)
            with self._work:
                done = self._scheduler.complete(batch, time.monotonic() - begun)
            for step in done:
                self._step_done(step)
        self._progress_at = time.monotonic()
        return True

    def _settle(self, admission: Admission) -> None:
        for job_id, reason in admission.dropped:
            job = self._jobs.pop(job_id)
            if reason is DropReason.EXPIRED:
                self._metrics.expired_total.inc()
                job.mailbox.fail(DeadlineUnreachable("the deadline passed before the images were done"))
            else:
                self._metrics.cancelled_total.inc()
        for job_id in admission.started:
            job = self._jobs[job_id]
            try:
                job.clock.enter("encode", time.monotonic())
                self._metrics.request_queue_time_seconds.observe(job.clock.seconds["queue"])
                job.task.begin()
                job.clock.enter(job.task.phase, time.monotonic())
            except Exception as error:
                self._fail(job_id, error)

    def _execute(self, batch: Batch) -> None:
        begun = time.monotonic()
        shared: list[tuple[DenoisingTask, Slice]] = []
        for part in batch.slices:
            job = self._jobs.get(part.id)
            if job is None:
                continue
            if batch.key.owner is None and isinstance(job.task, DenoisingTask):
                shared.append((job.task, part))
            else:
                self._run_alone(job, part)
        if shared:
            self._denoise(shared)
            self._metrics.batch_rows.observe(batch.rows)
            self._metrics.steps_total.inc(batch.rows)
            self._metrics.step_seconds.observe(time.monotonic() - begun)
        for part in batch.slices:
            if part.id in self._jobs:
                self._jobs[part.id].clock.device_seconds += time.monotonic() - begun

    def _denoise(self, parts: list[tuple[DenoisingTask, Slice]]) -> None:
        try:
            forward(parts)
        except Exception as error:
            if len(parts) > 1:
                log.warning("batch_split", requests=len(parts), error=type(error).__name__)
                for part in parts:
                    self._denoise([part])
                return
            task, only = parts[0]
            middle = (only.start + only.stop) // 2
            if isinstance(error, torch.OutOfMemoryError) and middle > only.start:
                self._denoise([(task, Slice(only.id, only.step, only.start, middle))])
                self._denoise([(task, Slice(only.id, only.step, middle, only.stop))])
            else:
                self._fail(only.id, error)

    def _run_alone(self, job: Job, part: Slice) -> None:
        try:
            self._post(job, job.task.run(part.step))
        except Exception as error:
            self._fail(job.id, error)

    def _step_done(self, done: StepDone) -> None:
        job = self._jobs.get(done.id)
        if job is None:
            return
        try:
            if isinstance(job.task, DenoisingTask) and job.task.phase == "denoise":
                self._post(job, job.task.advance(done.step))
            if done.stage_done:
                stage = job.task.next_stage()
                if stage is None:
                    self._finish(job)
                    return
                job.clock.enter(job.task.phase, time.monotonic())
                with self._work:
                    self._scheduler.continue_with(job.id, stage)
        except Exception as error:
            self._fail(job.id, error)

    def _post(self, job: Job, events: list[DeviceEvent]) -> None:
        for event in events:
            if isinstance(event, RawImage):
                self._metrics.images_total.inc()
            elif isinstance(event, RawPreview) and not job.previewed:
                job.previewed = True
                self._metrics.time_to_first_preview_seconds.observe(time.monotonic() - job.clock.started)
            job.mailbox.post(event)

    def _finish(self, job: Job) -> None:
        now = time.monotonic()
        timings = job.clock.timings(now)
        self._forget(job.id)
        self._metrics.request_success_total.inc()
        self._metrics.e2e_request_latency_seconds.observe(now - job.clock.started)
        if job.task.image_step_count:
            self._metrics.denoise_seconds.observe(job.clock.seconds["denoise"])
        if job.task.image_count:
            self._metrics.decode_seconds.observe(job.clock.seconds["decode"])
        job.mailbox.post(Done(job.task.image_count, job.task.image_step_count, timings))

    def _fail(self, job_id: int, error: Exception) -> None:
        job = self._jobs[job_id]
        self._forget(job_id)
        self._metrics.request_failure_total.inc()
        if isinstance(error, torch.OutOfMemoryError):
            error = TooLarge("parameters", "the device has not enough memory for this request")
        elif not isinstance(error, QuadrilleError):
            log.error("request_failed", job=job_id, exc_info=error)
        job.mailbox.fail(error)

    def _forget(self, job_id: int) -> None:
        with self._work:
            del self._jobs[job_id]
            self._scheduler.remove(job_id)
            self._measure()

    def _measure(self) -> None:
        self._metrics.requests_running.set(self._scheduler.running_count)
        self._metrics.requests_waiting.set(self._scheduler.waiting_count)
