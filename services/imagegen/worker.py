"""The one thread that owns the device: drain cancels, admit, forward, sampler steps, emit; over and over."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import torch
from serving.errors import DeadlineUnreachable, Overloaded, QuadrilleError, TooLarge, Unavailable
from serving.retry_delay import retry_delay_s

from imagegen.batch_runner import BatchRunner, Ran
from imagegen.denoising import DenoisingTask
from imagegen.device_meter import DeviceMeter
from imagegen.events import DeviceEvent, Done, RawImage, RawPreview
from imagegen.forecast import Forecast
from imagegen.mailbox import Mailbox
from imagegen.metrics import ImagegenMetrics
from imagegen.scheduler import Admission, Batch, DropReason, Entry, QueueFullError, Scheduler, StepDone
from imagegen.step_profile import StepProfile
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
    images: int = 0

    @property
    def missing(self) -> int:
        """Images that were asked for and are not made."""
        return self.task.image_count - self.images


class Worker:
    """Runs jobs on a thread of its own. All public methods may be called from any thread."""

    def __init__(
        self,
        scheduler: Scheduler,
        metrics: ImagegenMetrics,
        threads: int | None = None,
        *,
        profile: StepProfile | None = None,
        runner: BatchRunner | None = None,
    ) -> None:
        """`threads` bounds the CPU threads of a forward pass; None leaves torch's own choice.

        `profile`, which learns from every pass, foretells deadlines that cannot be met.
        """
        self._scheduler = scheduler
        self._metrics = metrics
        self._threads = threads
        self._profile = profile or StepProfile()
        self._runner = runner or BatchRunner(DeviceMeter())
        self._forecast = Forecast(scheduler, self._profile)
        self._jobs: dict[int, Job] = {}
        self._work = threading.Condition()
        self._stopping = False
        self._progress_at = time.monotonic()
        self._thread: threading.Thread | None = None

    def start(self, prepare: Callable[[], None] = lambda: None) -> None:
        """Start the thread, and return when it has done `prepare`, whose failure is logged."""
        prepared = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(prepare, prepared), name="imagegen-device", daemon=True
        )
        self._thread.start()
        prepared.wait()

    def stop(self) -> None:
        """Fail what is left and wait for the thread to end."""
        with self._work:
            self._stopping = True
            self._work.notify()
        if self._thread is not None:
            self._thread.join()

    def submit(self, job: Job, priority: int, deadline: float | None) -> int:
        """Queue a job; returns how many are ahead. Raises Overloaded, DeadlineUnreachable, Unavailable."""
        entry = Entry(job.id, job.task.stage, priority, deadline)
        with self._work:
            if self._stopping:
                raise Unavailable("the server is shutting down")
            try:
                self._check_deadline(entry)
                if self._scheduler.idle:
                    self._progress_at = time.monotonic()
                position = self._scheduler.submit(entry)
            except DeadlineUnreachable:
                self._metrics.refused("deadline", job.missing)
                raise
            except QueueFullError:
                self._metrics.refused("queue_full", job.missing)
                delay = retry_delay_s(self._forecast.half_queue_s())
                raise Overloaded("too many requests wait for the image engine", delay) from None
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
        return self._thread is not None and self._thread.is_alive() and (idle or moving)

    def _check_deadline(self, entry: Entry) -> None:
        if entry.deadline is None:
            return
        left = entry.deadline - time.monotonic()
        if left <= 0:
            raise DeadlineUnreachable("the deadline passed before the request was queued")
        needed = self._forecast.finish_s(entry)
        if needed is not None and needed >= left:
            self._profile.doubt(entry.stage.key)
            raise DeadlineUnreachable(f"the steps take {needed:.3g} s, and {left:.3g} s are left")

    def _run(self, prepare: Callable[[], None], prepared: threading.Event) -> None:
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            try:
                prepare()
            except Exception:  # it only prepares; what does not work, requests will tell
                log.exception("preparation_failed")
            finally:
                prepared.set()
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
            ran = self._runner.run(batch, {part.id: self._jobs[part.id].task for part in batch.slices})
            with self._work:
                self._learn(batch, ran)
                done = self._scheduler.complete(batch, ran.spent.seconds)
            self._account(batch, ran)
            for step in done:
                self._step_done(step)
        self._progress_at = time.monotonic()
        return True

    def _settle(self, admission: Admission) -> None:
        for job_id, reason in admission.dropped:
            job = self._jobs.pop(job_id)
            if reason is DropReason.EXPIRED:
                self._metrics.expired_total.inc()
                self._metrics.images_total.labels("expired").inc(job.missing)
                job.mailbox.fail(DeadlineUnreachable("the deadline passed before the images were done"))
            else:
                self._metrics.cancelled_total.inc()
                self._metrics.images_total.labels("cancelled").inc(job.missing)
        for job_id in admission.started:
            job = self._jobs[job_id]
            try:
                job.clock.enter("encode", time.monotonic())
                self._metrics.request_queue_time_seconds.observe(job.clock.seconds["queue"])
                job.task.begin()
                job.clock.enter(job.task.phase, time.monotonic())
            except Exception as error:
                self._fail(job_id, error)

    def _learn(self, batch: Batch, ran: Ran) -> None:
        if ran.size is not None and not ran.repeated and not ran.failures:
            self._profile.learn(batch.key, batch.evaluations, ran.spent.seconds)
        for evaluations in ran.exhausted:
            self._profile.exhausted(batch.key, evaluations)

    def _account(self, batch: Batch, ran: Ran) -> None:
        """Share the cost, tell what there is to tell, and fail who failed."""
        for part in batch.slices:
            job = self._jobs[part.id]
            share = (part.stop - part.start) * job.task.stage.evaluations / batch.evaluations
            job.clock.took_part(ran.spent, share, batch.occupancy if ran.size else None)
            self._post(job, ran.events.get(part.id, []))
        if ran.size is not None:
            self._metrics.denoised(batch, ran.size, ran.spent)
        if self._metrics.energy_joules_total is not None and ran.spent.joules is not None:
            self._metrics.energy_joules_total.inc(ran.spent.joules)
        for job_id, error in ran.failures.items():
            self._fail(job_id, error)

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
                job.images += 1
                self._metrics.images_total.labels("finished").inc()
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
        self._metrics.images_total.labels("failed").inc(job.missing)
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
        self._metrics.rows_running.set(self._scheduler.running_rows)
        self._metrics.rows_waiting.set(self._scheduler.waiting_rows)
