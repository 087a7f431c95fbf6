"""The page as a person feels it: from the key press to visible hits, and its cold start.

`python -m tests.benchmarks.page [COLLECTION...]` over the store in XSEARCH_STORE; the demo queries are typed into a
real browser, each after the last one's hits are there.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

import xsearch
from tests.app.browser import FLAGS, PATIENCE, chromium, served, settled

QUERIES = Path(xsearch.__file__).parent / "demo" / "queries.jsonl"
RUNS = 20

# Resolves with the milliseconds from Enter to the first frame in which the hits have changed.
TYPED = """() => new Promise(resolve => {
  const shown = () => [...document.querySelectorAll('.hit h3, .hit .text')].slice(0, 6).map(e => e.textContent).join();
  const before = shown();
  document.addEventListener('keydown', event => {
    if (event.key !== 'Enter') return;
    const start = performance.now();
    const look = () => shown() && shown() !== before ? resolve(performance.now() - start) : requestAnimationFrame(look);
    look();
  }, {once: true, capture: true});
})"""


def main() -> None:
    """Print one JSON object."""
    store = Path(os.environ["XSEARCH_STORE"])
    chosen = "".join(f"&c={name}" for name in sys.argv[1:])
    asked = [json.loads(line) for line in QUERIES.read_text("utf-8").splitlines()][: RUNS + 1]
    started = time.perf_counter()
    with served(store, dict(os.environ)) as address, sync_playwright() as playwright:
        up = time.perf_counter() - started
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        opened = time.perf_counter()
        page.goto(f"{address}/?{chosen[1:]}")
        settled(page)
        cold = time.perf_counter() - opened
        box = page.get_by_label("Query", exact=True)
        spent = []
        for one in asked:
            box.fill(one["query"])
            timing = page.evaluate_handle(f"() => ({{promise: ({TYPED})()}})")
            box.press("Enter")
            spent.append(timing.evaluate("async held => await held.promise"))
            settled(page)
        browser.close()
    warm = spent[1:]  # the first loads a module
    print(
        json.dumps(
            {
                "server_start_s": round(up, 2),
                "first_view_s": round(cold, 2),
                "first_query_ms": round(spent[0]),
                "median_ms": round(statistics.median(warm)),
                "p90_ms": round(sorted(warm)[int(len(warm) * 0.9)]),
                "runs": len(warm),
                "load": os.getloadavg()[0],
            }
        )
    )


if __name__ == "__main__":
    main()
