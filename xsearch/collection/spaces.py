"""Which space a query is answered in."""

from collections.abc import Iterable
from dataclasses import dataclass

from xsearch.collection.manifest import Manifest
from xsearch.errors import QueryError

SHARED, NATIVE, AUTO = "shared", "native", "auto"


@dataclass(frozen=True)
class SpaceChoice:
    """`space` is what the query is encoded in, `stored` the vectors that it meets (the same but for a language
    whose two spaces are one), `lang` the only language whose documents share that space, or None for all.
    """

    space: str
    stored: str
    lang: str | None


def choose_space(manifest: Manifest, asked: str, lang: str | None) -> SpaceChoice:
    """The space for a query in `lang` when `asked` is auto, shared or native.

    Auto is native when the query and the whole collection are of one language and the native space is
    indexed, otherwise shared. Raises QueryError for a space that the collection does not index or that cannot
    hold the query.
    """
    indexed = manifest.spaces
    if asked not in (AUTO, SHARED, NATIVE):
        raise QueryError(f"{asked!r} is not a space; ask for auto, shared or native")
    same_language = lang is not None and set(manifest.modules) == {lang}
    if asked == AUTO:
        asked = NATIVE if NATIVE in indexed and (same_language or SHARED not in indexed) else SHARED
    if asked == NATIVE and len(manifest.modules) == 1 and lang is None:
        lang = next(iter(manifest.modules))
    if asked == NATIVE and lang not in manifest.modules:
        raise QueryError(
            f"a query in {lang or 'no language'} cannot be answered in the native space of "
            f"{', '.join(manifest.modules)}; ask in the shared space"
        )
    module = None if lang is None else manifest.modules.get(lang)
    stored = asked
    if asked not in indexed and module is not None and module.one_space:
        stored = NATIVE if asked == SHARED else SHARED
    check_indexed(manifest, stored)
    only = lang if NATIVE in (asked, stored) and len(manifest.modules) > 1 else None
    return SpaceChoice(asked, stored, only)


def check_indexed(manifest: Manifest, space: str) -> None:
    """Raise QueryError for a space that the collection does not index."""
    if space not in manifest.spaces:
        raise QueryError(
            f"the {space} space is not indexed here, only {', '.join(manifest.spaces)}; index the corpus with "
            "--spaces both"
        )


def spaces_to_index(asked: str, prefers_native: Iterable[bool], one_space: Iterable[bool]) -> tuple[str, ...]:
    """The spaces that `--spaces` auto, both, shared or native means for languages of which some prefer their native
    space by the module's own scores, and of which some have only one space.
    """
    if asked not in (AUTO, "both", SHARED, NATIVE):
        raise QueryError(f"{asked!r} is no choice of spaces; choose auto, both, shared or native")
    if all(one_space) or asked == SHARED:
        return (SHARED,)
    if asked == NATIVE:
        return (NATIVE,)
    return (SHARED, NATIVE) if asked == "both" or any(prefers_native) else (SHARED,)
