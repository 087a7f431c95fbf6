"""A snapshot with what queries over it have worked out and may need again."""

from functools import cached_property, lru_cache, partial

from xsearch.collection.filters import Filter, asks_the_clock
from xsearch.collection.keywords import Keywords
from xsearch.collection.snapshot import Snapshot
from xsearch.collection.subset import Subset

_FILTERS_KEPT = 8


class View:
    """One state of a collection. It never changes, so what is cached of it stays right."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        # no method of its own: that would be a cycle, and keep files that were replaced until it is collected
        self._allowed = partial(_allowed, snapshot, Filter(snapshot))
        self._kept = lru_cache(maxsize=_FILTERS_KEPT)(self._allowed)

    @cached_property
    def keywords(self) -> Keywords:
        """The words of the documents."""
        return Keywords(self.snapshot)

    def allowed(self, where: str | None, lang: str | None) -> Subset:
        """The living documents in `lang`, if given, for which `where` is true, if given."""
        if where is not None and asks_the_clock(where):
            return self._allowed(where, lang)
        return self._kept(where, lang)


def _allowed(snapshot: Snapshot, condition: Filter, where: str | None, lang: str | None) -> Subset:
    keys = condition.keys(where, lang)
    return Subset(keys[~snapshot.is_dead(keys)])
