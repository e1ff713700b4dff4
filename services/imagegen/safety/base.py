"""The port to safety filters: finished images in, what was found in them out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from imagegen.domain import Pixels
from imagegen.events import SafetyFlag


class SafetyChecker(ABC):
    """Looks at images. Used by the device thread alone."""

    @abstractmethod
    def check(self, images: Sequence[Pixels]) -> list[tuple[SafetyFlag, ...]]:
        """Flags of each image, uint8 [H, W, 3], in order; empty for what is let pass.

        The highest score comes first. An image's flags do not depend on the others'.
        """
