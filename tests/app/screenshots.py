"""`make screenshots`: the page over the demo collections as the README shows it.

Uses the collections `demo-fi` and `demo-en` of a store, or makes them in one of its own. Needs the English and
Finnish modules and Chromium.
"""

import io
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import xsearch
from tests.app.browser import FLAGS, chromium, served, settled
from xsearch import Corpus
from xsearch.search import index_corpus

FOLDER = Path(__file__).parents[2] / "app" / "screenshots"
DEMO = Path(xsearch.__file__).parent / "demo"
LAPTOP, PHONE = (1280, 800), (390, 844)

ASKED = "nobody ploughs our country lane after snowfall: whose job is it?"
PASSAGE = (
    "Maitoa toimitetaan kyläkauppaan tiistaisin ja perjantaisin. Talvella auto tulee vasta iltapäivällä, koska tie "
    "aurataan aamun aikana."
)


def words(page):
    """Ask for the words of the first hit."""
    page.get_by_text("Words", exact=True).first.click()
    page.locator(".legend").first.wait_for()
    settled(page)


SHOTS = [
    ("search", f"?q={ASKED}&lang=English&c=demo-fi&c=demo-en", LAPTOP, words),
    ("search-phone", f"?q={ASKED}&lang=English&c=demo-fi", PHONE, None),
    ("compare", f"compare?q={ASKED}&lang=English&by=Languages", LAPTOP, None),
    (
        "questions",
        (
            f"questions?passage={PASSAGE}&passage_lang=Finnish&question=When does the milk lorry come in winter?"
            "&question_lang=English&option_lang=English&option_A=In the afternoon&option_B=On Sundays"
            "&option_C=Early in the morning&option_D=After midnight"
        ),
        LAPTOP,
        None,
    ),
    ("map", f"map?q={ASKED}&lang=English", LAPTOP, None),
    ("collections", "collections", LAPTOP, None),
]


def main() -> None:
    """Make all of them, or those named as arguments."""
    wanted = sys.argv[1:] or [name for name, *_ in SHOTS]
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(os.environ.get("XSEARCH_STORE") or folder)
        for lang in ("fi", "en"):
            if not (store / f"demo-{lang}").exists():
                corpus = Corpus.open(DEMO / f"{lang}.parquet")
                index_corpus(corpus, store / f"demo-{lang}", lang=lang, spaces="both")
        with served(store, dict(os.environ)) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            for name, path, (width, height), act in SHOTS:
                if name in wanted:
                    page = browser.new_page(viewport={"width": width, "height": height})
                    page.set_default_timeout(120_000)
                    page.goto(f"{address}/{path}")
                    settled(page)
                    if act:
                        act(page)
                    page.wait_for_timeout(1000)
                    _save(page.screenshot(), FOLDER / f"{name}.png")
                    page.close()
            browser.close()


def _save(png: bytes, path: Path) -> None:
    """Few colours are enough for a page of text, and a third of the size."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    main()
