"""Amounts of memory as options."""

from __future__ import annotations

import math
import re

import click

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ByteSize(click.ParamType[int]):
    """An amount of memory such as ``500M`` or ``4G``, as bytes."""

    name = "size"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parses the number and its unit."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", value.strip(), re.IGNORECASE)
        if match is None:
            self.fail(
                f"{value!r} is no amount of memory; expected a number with a unit, such as 500M or 4G",
                param,
                ctx,
            )
        size = float(match[1]) * _UNITS[match[2].upper()]
        if not math.isfinite(size):
            self.fail("more memory than there is; expected an amount such as 500M or 4G", param, ctx)
        return int(size)
