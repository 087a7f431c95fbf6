"""Shares of one as options."""

from __future__ import annotations

import math
from typing import Any

import click


class Share(click.FloatRange):
    """A number between two bounds; nan, which is beyond neither, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parses the number and compares it with the bounds."""
        share: float = super().convert(value, param, ctx)
        if math.isnan(share):
            self.fail(f"{value!r} is no number; expected one from {self.min} to {self.max}", param, ctx)
        return share
