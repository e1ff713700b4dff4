from collections.abc import Sequence

import numpy as np
import pytest
from imagegen.domain import Pixels, SafetyPolicy
from imagegen.events import DeviceEvent, Progress, RawImage, RawPreview, Safety, SafetyFlag
from imagegen.metrics import ImagegenMetrics
from imagegen.safety.base import SafetyChecker
from imagegen.safety.screen import Screen
from prometheus_client import CollectorRegistry

BRIGHT, DARK = np.full((2, 2, 3), 200, np.uint8), np.zeros((2, 2, 3), np.uint8)
EVENTS: list[DeviceEvent] = [
    Progress(1, 2),
    RawPreview(0, 1, BRIGHT),
    RawImage(0, DARK, 5),
    RawImage(1, BRIGHT, 6),
]
FLAGS = (SafetyFlag("bright", 0.5),)


class Brightness(SafetyChecker):
    """Flags what is bright."""

    def check(self, images: Sequence[Pixels]) -> list[tuple[SafetyFlag, ...]]:
        return [FLAGS if image.mean() > 100 else () for image in images]


@pytest.mark.parametrize("policy", SafetyPolicy)
def test_images_are_judged_and_counted(policy: SafetyPolicy) -> None:
    registry = CollectorRegistry()
    screen = Screen(policy, ImagegenMetrics(registry))
    assert screen.judge(EVENTS) == EVENTS
    screen.checker = Brightness()
    withholds = policy is SafetyPolicy.WITHHOLD
    *others, dark, bright = screen.judge(EVENTS)
    assert others == EVENTS[:2]
    assert isinstance(dark, RawImage) and dark.safety == Safety((), withheld=False)
    assert isinstance(bright, RawImage) and bright.safety == Safety(FLAGS, withheld=withholds)
    assert (dark.seed, bright.index) == (5, 1)
    counts = [
        registry.get_sample_value(f"quadrille_image_images_{name}_total") for name in ("flagged", "withheld")
    ]
    assert counts == [1, withholds]
