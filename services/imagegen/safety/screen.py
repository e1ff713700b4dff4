"""What the safety filter's findings do to a request's events.

It runs on the device thread, right after decoding: the filter's network may live on the device, which has one owner;
its time counts as the request's, and cancels and deadlines hold for it as for the decoder's chunks.
"""

from collections.abc import Sequence
from dataclasses import replace

from imagegen.domain import SafetyPolicy
from imagegen.events import DeviceEvent, RawImage, Safety
from imagegen.metrics import ImagegenMetrics
from imagegen.safety.base import SafetyChecker


class Screen:
    """Has images judged, if there is a checker."""

    def __init__(self, policy: SafetyPolicy, metrics: ImagegenMetrics) -> None:
        """`checker` may be set until the first request runs."""
        self.checker: SafetyChecker | None = None
        self._policy, self._metrics = policy, metrics

    def judge(self, events: Sequence[DeviceEvent]) -> list[DeviceEvent]:
        """The events, images with the filter's verdicts."""
        if self.checker is None:
            return list(events)
        withholds = self._policy is SafetyPolicy.WITHHOLD
        images = [event for event in events if isinstance(event, RawImage)]
        found = iter(self.checker.check([image.pixels for image in images]) if images else ())
        judged: list[DeviceEvent] = []
        for event in events:
            if isinstance(event, RawImage):
                flags = next(found)
                safety = Safety(flags, withheld=withholds and bool(flags))
                self._metrics.images_flagged_total.inc(bool(flags))
                self._metrics.images_withheld_total.inc(safety.withheld)
                event = replace(event, safety=safety)
            judged.append(event)
        return judged
