"""How pictures of figures look."""

from __future__ import annotations

from typing import Any


def style(name: str) -> Any:
    """matplotlib's settings for the picture of this name: the same file for the same figures."""
    return {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "font.size": 9,
        # One colour for a page of either shade would be faint on one of them, so the picture has a ground of its own.
        "figure.facecolor": "white",
        "axes.grid": True,
        "grid.alpha": 0.3,
    }
