"""A real browser on the page over the demo collections."""

import io
import json
import shutil
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.app.browser import FLAGS, PATIENCE, chromium, served, settled
from tests.app.conftest import HOSTILE, MAIN, damage

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="no Chromium here; `make chromium` installs it"),
    # A page and a browser share the machine with whatever else runs there: a step that came too late is tried again.
    pytest.mark.flaky(reruns=2),
]

QUERY = "saanko itse sahata naapurin puolelta pihalle kasvavat oksat"


@pytest.fixture(scope="module")
def store(tmp_path_factory, made):
    """The store with one collection that is damaged."""
    folder = Path(shutil.copytree(made, tmp_path_factory.mktemp("browser") / "store"))
    shutil.copytree(folder / "twins", folder / "broken")
    damage(folder / "broken")
    return folder


@pytest.fixture(scope="module")
def address(store, environment):
    with served(store, environment) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        # One context for all tabs: they share the cache, so that the page's scripts are fetched and compiled once.
        yield browser.new_context(accept_downloads=True)
        browser.close()


@pytest.fixture
def tab(browser, address):
    """Opens a view in a fresh tab: ``tab("compare?q=koira")``. No request may leave this machine."""
    pages, foreign = [], []

    def at(path="", size=(1280, 800)):
        page = browser.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.set_default_timeout(PATIENCE)
        page.on(
            "request", lambda request: foreign.append(request.url) if _leaves(request.url, address) else None
        )
        page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
        pages.append(page)
        page.goto(f"{address}/{path}")
        settled(page)
        return page

    yield at
    for page in pages:
        page.close()
    assert foreign == []


def _leaves(url, address):
    return not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


def hits(page):
    return page.locator("article.hit")


def test_a_query_is_typed_and_answered(tab):
    page = tab("?c=demo-fi")
    box = page.get_by_label("Query", exact=True)
    box.fill(QUERY)
    box.press("Enter")
    hits(page).first.wait_for()
    settled(page)
    assert hits(page).count() == 10
    assert page.locator("mark.best").first.is_visible()
    assert "q=saanko" in page.url


def test_a_shared_link_shows_the_same_search(tab):
    one = tab(f"?q={QUERY}&c=demo-fi&lang=Finnish")
    two = tab(one.url[one.url.index("?") :])
    assert hits(one).all_inner_texts() == hits(two).all_inner_texts()


def test_the_language_is_switched(tab):
    page = tab(f"?q={QUERY}&c=demo-en")
    page.get_by_text("Finnish, detected").wait_for()
    page.locator(".st-key-lang").click()
    page.get_by_role("option", name="English").click()
    page.get_by_text("English ·").wait_for()
    assert "lang=English" in page.url


def test_a_filter_narrows_the_hits(tab):
    page = tab(f"?q={QUERY}&c=demo-fi")
    page.get_by_role("button", name="Filters").click()
    page.locator(".st-key-f_topic input").fill("travel")
    page.get_by_role("option", name="travel").click()
    page.wait_for_url("**f_topic=travel**")
    settled(page)
    footers = page.locator("article.hit footer")
    sync_api.expect(footers.filter(has_not_text="travel")).to_have_count(0)
    assert footers.count() > 0


def test_words_and_more_like_this(tab):
    page = tab(f"?q={QUERY}&c=demo-fi")
    page.get_by_text("Words").first.click()
    page.locator(".legend").first.wait_for()
    page.get_by_role("button", name="More like this").first.click()
    page.get_by_text("Documents like").wait_for()
    assert "like=demo-fi" in page.url
    box = page.get_by_label("Query", exact=True)
    box.fill("koira ja kissa")
    box.press("Enter")
    page.get_by_text("Documents like").wait_for(state="detached")
    hits(page).first.wait_for()
    settled(page)
    assert "like=" not in page.url
    assert "q=koira" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_have_the_colour_of_the_theme(tab, scheme):
    page = tab(f"?q={QUERY}&c=demo-fi")
    page.emulate_media(color_scheme=scheme)
    page.reload()
    settled(page)
    theme = tomllib.loads((MAIN.parent / ".streamlit" / "config.toml").read_text())["theme"][scheme]
    red, green, blue = bytes.fromhex(theme["primaryColor"].removeprefix("#"))
    sync_api.expect(page.locator(".bar > span").first).to_have_css(
        "background-color", f"rgb({red}, {green}, {blue})"
    )


def test_a_query_from_right_to_left_begins_at_the_right(tab):
    box = tab("?q=وصلت الحافلة!&c=demo-fi&lang=Finnish").get_by_label("Query", exact=True)
    sync_api.expect(box).to_have_css("unicode-bidi", "plaintext")
    sync_api.expect(box).to_have_css("text-align", "start")


def test_two_spaces_side_by_side(tab):
    page = tab(f"compare?q={QUERY}&lang=Finnish&in=demo-fi")
    assert page.get_by_text("hits in both").is_visible()
    assert hits(page).count() == 20


def test_one_query_in_several_languages(tab):
    page = tab(f"compare?q={QUERY}&lang=Finnish&by=Languages")
    assert page.get_by_text("demo-en · English").is_visible()
    assert page.get_by_text("demo-fi · Finnish").is_visible()


def test_a_question_is_answered(tab):
    page = tab("questions")
    answers = {
        "Passage": "The old dog ran to the river.",
        "Question": "Where did the dog run?",
        "A": "to the river",
        "B": "to the house",
    }
    for label, text in answers.items():
        page.get_by_label(label, exact=True).fill(text)
        page.get_by_label(label, exact=True).press("Tab")
        settled(page)
    page.locator(".option.chosen").wait_for()
    assert page.locator(".option").count() == 2
    assert page.get_by_text("Margin").is_visible()


def test_the_map_marks_the_query_and_lists_a_selection(tab):
    page = tab(f"map?q={QUERY}&lang=Finnish&c=demo-fi")
    chart = page.locator(".js-plotly-plot")
    chart.wait_for()
    assert page.get_by_text("The diamond is the query").is_visible()
    page.locator('[data-title="Box Select"]').click()
    frame = chart.bounding_box()
    page.mouse.move(frame["x"] + 20, frame["y"] + 20)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] - 20, frame["y"] + frame["height"] * 0.7, steps=5)
    page.mouse.up()
    page.get_by_text("selected").wait_for()
    hits(page).first.wait_for()


def test_results_are_downloaded(tab):
    page = tab(f"?q={QUERY}&c=demo-fi")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="JSON").click()
    whole = json.loads(Path(waiting.value.path()).read_bytes())
    assert whole["query"] == QUERY
    assert len(whole["hits"]) == 10
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Parquet").click()
    table = pq.read_table(io.BytesIO(Path(waiting.value.path()).read_bytes()))
    assert table["id"].to_pylist() == [hit["id"] for hit in whole["hits"]]


def test_a_file_is_uploaded_and_searched(tab):
    page = tab("collections")
    # First the language, at rest: an open list closes when the page scrolls or the form changes.
    language = page.locator(".st-key-upload_lang")
    language.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    language.click()
    page.get_by_role("option", name="English").click()
    rows = "id,text,colour\n" + "".join(f"{number},the old dog {number},red\n" for number in range(30))
    page.locator('input[type="file"]').set_input_files(
        {"name": "my <b>pets</b>.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    page.get_by_text("my <b>pets</b>.csv").wait_for()
    page.get_by_role("button", name="Index", exact=True).click()
    page.get_by_text("Indexed 30 documents").wait_for()
    page = tab("?q=the+old+dog&c=b-pets-b&lang=English")
    assert hits(page).count() == 10


def test_a_hostile_corpus_stays_text_everywhere(tab):
    for path in ("?q=kissa&c=hostile&lang=Finnish", "map?q=kissa&c=hostile&lang=Finnish", "collections"):
        page = tab(path)
        assert page.evaluate("() => window.pwned") is None
        assert page.locator(".stMain img, .stMain script, .stMain a[href*='x.test']").count() == 0
    page = tab("?q=kissa&c=hostile&lang=Finnish")
    assert HOSTILE in hits(page).first.inner_text()
    page.get_by_role("button", name="Filters").click()
    page.get_by_text("**col** contains").or_(page.get_by_text("**col**", exact=True)).first.wait_for()


def test_a_broken_collection_is_told_and_the_others_work(tab):
    page = tab(f"?q={QUERY}&lang=Finnish")
    assert page.get_by_text("The collection broken is left out").is_visible()
    assert hits(page).count() == 10
    page = tab("collections")
    page.locator(".st-key-verify_broken button").click()
    page.get_by_text("documents.parquet has").wait_for()


def test_verifying_a_collection_that_has_been_dropped_since_says_so(tab, store):
    shutil.copytree(store / "twins", store / "gone")
    page = tab("collections")
    shutil.rmtree(store / "gone")
    page.locator(".st-key-verify_gone button").click()
    page.get_by_text("No collection 'gone'").wait_for()


def test_a_phone_needs_no_sideways_scrolling(tab):
    for path in (
        f"?q={QUERY}",
        f"compare?q={QUERY}&lang=Finnish",
        "questions",
        f"map?q={QUERY}&lang=Finnish",
        "collections",
    ):
        page = tab(path, size=(390, 844))
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
