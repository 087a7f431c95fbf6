"""`make bench-demo`: where the right document stands, for the judged questions about the demo corpora.

Needs the demo collections (`make demo`). No part of training or of any choice.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import xsearch

QUESTIONS = Path(xsearch.__file__).parent / "demo" / "queries.jsonl"


def main() -> None:
    """Print a Markdown table: share of questions whose document is first, among three, among ten."""
    store = Path(os.environ.get("XSEARCH_STORE", "indexes"))
    places = defaultdict(list)
    for line in QUESTIONS.read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        collection = xsearch.Collection.open(store / question["collection"])
        ids = [hit.id for hit in collection.search(question["query"], lang=question["lang"], k=10)]
        found = [place for place, id in enumerate(ids) if id in question["relevant"]]
        places[question["lang"], question["collection"]].append(found[0] if found else None)
    print("| question | collection | questions | first | among 3 | among 10 |\n|---|---|---|---|---|---|")
    for (lang, name), ranks in sorted(places.items()):
        shares = [sum(r is not None and r < k for r in ranks) / len(ranks) for k in (1, 3, 10)]
        print(f"| {lang} | {name} | {len(ranks)} | " + " | ".join(f"{s:.0%}" for s in shares) + " |")


if __name__ == "__main__":
    main()
