"""`make bench-size`: megabytes that the base installation and the shipped modules take on disk.

Walks the requirements of the installed package without extras, as pip resolved them.
"""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from xsearch.encoder import available_modules

MEGABYTE = 1e6


def main() -> None:
    """Print two Markdown tables, the largest first."""
    found = sorted(closure("xsearch").items(), key=lambda item: -size(item[1][0]))
    total = sum(size(dist) for _, (dist, _) in found)
    print("| dependency | version | MB | wanted by |\n|---|---|---|---|")
    for name, (dist, wanted_by) in found:
        if name != "xsearch":
            print(f"| {name} | {dist.version} | {size(dist):.1f} | {wanted_by} |")
    print(f"| in all | | {total:.1f} | |\n")
    print("| module | MB |\n|---|---|")
    for code, folder in sorted(available_modules().items()):
        print(f"| {code} | {sum(f.stat().st_size for f in folder.iterdir() if f.is_file()) / MEGABYTE:.1f} |")


def closure(name: str) -> dict[str, tuple[Distribution, str]]:
    """The distributions that `name` needs, itself included, each with the first one that asked for it."""
    found: dict[str, tuple[Distribution, str]] = {}
    todo = [(name, "")]
    while todo:
        name, wanted_by = todo.pop(0)
        if name in found:
            continue
        try:
            found[name] = (distribution(name), wanted_by)
        except PackageNotFoundError:
            continue  # only needed on another system
        for line in found[name][0].requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                todo.append((canonicalize_name(wanted.name), name))
    return found


def size(dist: Distribution) -> float:
    """Megabytes of the files of a distribution; of an editable one, none."""
    paths = {Path(str(dist.locate_file(file))) for file in dist.files or ()}
    return sum(path.stat().st_size for path in paths if path.is_file()) / MEGABYTE


if __name__ == "__main__":
    main()
