"""A snapshot with what queries over it have worked out and may need again."""

from functools import cached_property, lru_cache

from xsearch.collection.filters import Filter
from xsearch.collection.keywords import Keywords
from xsearch.collection.snapshot import Snapshot
from xsearch.collection.subset import Subset

_FILTERS_KEPT = 8


class View:
    """One state of a collection; its caches are as true as it is, since it never changes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.allowed = lru_cache(maxsize=_FILTERS_KEPT)(self._allowed)

    @cached_property
    def keywords(self) -> Keywords:
        """The words of the documents."""
        return Keywords(self.snapshot)

    @cached_property
    def _filter(self) -> Filter:
        return Filter(self.snapshot.segments, self.snapshot.manifest.columns)

    def _allowed(self, where: str | None, lang: str | None) -> Subset:
        """The living documents in `lang`, if given, for which `where` is true, if given."""
        keys = self._filter.keys(where, lang)
        return Subset(keys[~self.snapshot.is_dead(keys)])
