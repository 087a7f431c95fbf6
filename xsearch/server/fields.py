"""The body of a request: read within bounds, parsed strictly, its fields checked where they are taken out."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NoReturn

from starlette.requests import ClientDisconnect, Request

from xsearch.server.failures import refusal
from xsearch.server.limits import Limits


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body. Refuses one that is too large or too slow, or that does not say that it is JSON.

    A page of another site cannot send that type without asking first, and nothing here grants it.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise refusal(415, "expected a JSON object with Content-Type: application/json")
    length = request.headers.get("content-length", "")
    too_large = f"the request has more than {limits.body} bytes"
    if length.isdigit() and int(length) > limits.body:
        raise refusal(413, too_large)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.arriving):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body:
                    raise refusal(413, too_large)
    except TimeoutError:
        raise refusal(408, f"the request did not arrive within {limits.arriving:g} s") from None
    except ClientDisconnect:
        raise refusal(400, "the request was cut short") from None
    return bytes(body)


class Fields:
    """The fields of a JSON object, each taken out with a check of its type."""

    def __init__(self, body: bytes) -> None:
        try:
            values = json.loads(body.decode("utf-8"), parse_constant=_no_number)
        except UnicodeDecodeError:
            raise refusal(400, "the body is not UTF-8") from None
        except (ValueError, RecursionError) as error:
            reason = "too deep" if isinstance(error, RecursionError) else str(error)
            raise refusal(400, f"the body is not JSON: {reason}") from None
        if not isinstance(values, dict):
            raise refusal(400, "the body is JSON, but not an object")
        self._values: dict[str, Any] = {name: value for name, value in values.items() if value is not None}

    def known(self, *names: str) -> None:
        """Refuse fields of other names: a misspelt one would be ignored."""
        for name in self._values.keys() - set(names):
            raise refusal(400, f"unknown field {name[:60]!r}; expected some of {', '.join(names)}")

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return name in self._values

    def text(self, name: str, default: str | None = None) -> str:
        """A text; the default where there is none, which is a refusal unless there is one."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise refusal(400, f"{name} is {_kind(value)}, expected a text")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text or nothing."""
        return self.text(name) if self.has(name) else None

    def texts(self, name: str, most: int, *, least: int = 1) -> tuple[str, ...]:
        """A list of texts."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise refusal(400, f"{name} is {_kind(value)}, expected a list of texts")
        if not least <= len(value) <= most:
            raise refusal(400, f"{name} has {len(value)} items, expected {least} to {most}")
        for place, item in enumerate(value):
            if not isinstance(item, str):
                raise refusal(400, f"{name}[{place}] is {_kind(item)}, expected a text")
        return tuple(value)

    def text_or_texts(self, name: str, most: int) -> tuple[str, ...]:
        """A text by itself, or a list of them."""
        return (self.text(name),) if isinstance(self._values.get(name), str) else self.texts(name, most)

    def integer(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`."""
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise refusal(400, f"{name} is {_kind(value)}, expected a whole number")
        if not 1 <= value <= most:
            raise refusal(400, f"{name} is {value if abs(value) < 1 << 63 else 'huge'}, expected 1 to {most}")
        return value

    def truth(self, name: str) -> bool:
        """True or false, by default false."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise refusal(400, f"{name} is {_kind(value)}, expected true or false")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of the choices, by default the first."""
        value = self.text(name, choices[0])
        if value not in choices:
            raise refusal(400, f"{name} is {value[:60]!r}, expected one of {', '.join(choices)}")
        return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _kind(value: Any) -> str:
    names = {type(None): "missing", bool: "a truth value", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")
