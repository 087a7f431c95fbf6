"""How much a request, and all of them together, may ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """`threads` work at a time and `waiting` requests wait; a further one is told to come back later.

    A request has at most `body` bytes, `texts` queries or texts to encode, and `k` hits for each query. `arriving` is
    how many seconds it may take to arrive, `patience` how many it waits at most before it is told to come back.
    """

    threads: int
    waiting: int = 128
    body: int = 1 << 20
    k: int = 1000
    texts: int = 512
    arriving: float = 30.0
    patience: float = 5.0
