import json
import re
import shutil
from datetime import date

import pytest

from tests.app.conftest import HOSTILE, damage, html, overwrite
from xsearch import Collection, Corpus
from xsearch.search import index_corpus

QUERY = "saanko itse sahata naapurin puolelta pihalle kasvavat oksat"


def hits(app):
    return html(app).count('<article class="hit')


def popovers(app):
    return [block.proto.popover.label for block in app.get("popover")]


def test_an_empty_box_says_what_there_is_to_search(page):
    assert "650 documents in 4 collections" in html(page())


def test_a_query_shows_ten_cards_and_says_in_what_language_it_was_read(page):
    app = page(q=QUERY, c="demo-fi")
    assert hits(app) == 10
    assert "Finnish, detected" in html(app)
    assert 'class="badge" title="Finnish">fi</span>' in html(app)


def test_the_language_can_be_overridden(page):
    app = page(q=QUERY, c="demo-fi")
    app.selectbox(key="lang").set_value("en").run()
    assert "English · " in html(app)


def test_more_hits_are_loaded_below_those_that_are_there(page):
    app = page(q=QUERY, c="demo-fi")
    app.button(key="more").click().run()
    assert hits(app) == 20
    assert app.query_params["k"] in ("20", ["20"])


def test_filters_come_from_the_collections_columns(page):
    app = page(q=QUERY, c="demo-fi")
    app.multiselect(key="f_topic").set_value(["travel"]).run()
    app.slider(key="f_year").set_value((2005, 2012)).run()
    shown = html(app)
    assert hits(app) > 0
    assert shown.count("<span>topic</span> travel") == hits(app)
    years = {int(year) for year in re.findall(r"<span>year</span> (\d+)", shown)}
    assert years <= set(range(2005, 2013))


def test_a_filter_that_leaves_nothing_says_what_to_do(page):
    app = page(q=QUERY, c="demo-fi")
    app.text_input(key="f_title").set_value("no title has this").run()
    assert "The filters leave nothing" in html(app)


def test_hits_that_are_filtered_say_so(page):
    app = page(q=QUERY, c="demo-fi")
    assert "filtered" not in html(app)
    app.multiselect(key="f_topic").set_value(["travel"]).run()
    assert " · filtered" in html(app)


def test_a_collection_without_documents_blames_no_filter(page, store):
    Collection.open(store / "twins").delete(ids=["one", "two", "three"])
    shown = html(page(q=QUERY, c="twins"))
    assert "No document matches" in shown
    assert "filters" not in shown


def test_the_best_sentence_is_marked_once_the_hits_stand(page):
    assert '<mark class="best"' in html(page(q=QUERY, c="demo-fi"))


def test_a_document_that_is_replaced_shows_its_new_text(page, store, tmp_path):
    page()  # sets the languages that indexing needs
    app = None
    for mode, text in (
        ("create", f"{'Bread and milk on the table of the blue house. ' * 30}The old dog."),
        ("upsert", f"The old dog. {'A new cat on the river. ' * 30}"),
    ):
        (tmp_path / "pets.jsonl").write_text(json.dumps({"id": "one", "text": text}))
        index_corpus(Corpus.open(tmp_path / "pets.jsonl"), store / "pets", lang="en", mode=mode)
        app = app.run() if app else page(q="The old dog.", c="pets", lang="English")
        cards = re.findall('<p class="text" dir="auto">(.*?)</p>', html(app))
        assert '<mark class="best" title="the sentence nearest to the query">The old dog.</mark>' in cards[0]


def test_answering_words_appear_on_demand_for_one_hit(page):
    app = page(q=QUERY, c="demo-fi")
    assert 'class="legend' not in html(app)
    app.toggle[1].set_value(True).run()
    assert html(app).count('<p class="legend') == 1


def test_more_like_this_leaves_the_document_itself_out(page):
    app = page(q=QUERY, c="demo-fi", like="demo-fi/fi-021")
    assert "Documents like" in html(app)
    assert hits(app) == 10
    assert "<span>id</span> fi-021<" not in html(app)
    app.button(key="back").click().run()
    assert "Documents like" not in html(app)


def test_a_new_query_ends_more_like_this(page):
    app = page(q=QUERY, c="demo-fi", like="demo-fi/fi-021")
    app.text_input(key="q").set_value("koira ja kissa").run()
    assert "Documents like" not in html(app)
    assert "Finnish, detected" in html(app)
    assert "like" not in app.query_params


def test_an_address_with_a_document_that_is_gone_says_so(page):
    app = page(like="demo-fi/nothing", q=QUERY, c="demo-fi")
    assert "There is no document" in html(app)
    app.button(key="back").click().run()
    assert hits(app) == 10
    assert "is no collection name" in html(page(like="../x"))
    assert "No collection" in html(page(like="etc/x"))


def test_an_address_with_a_collection_that_is_gone_says_so(page):
    app = page(q=QUERY, c="dropped")
    assert [toast.value for toast in app.toast] == [
        "There is no collection 'dropped' here; it may have been dropped."
    ]
    assert not page(q=QUERY, c="demo-fi").toast


def test_near_duplicates_take_one_place_until_they_are_unfolded(page):
    app = page(q="the old dog", c="twins", lang="English")
    assert "1 near-duplicate" in popovers(app)
    app.toggle(key="fold").set_value(False).run()
    assert "1 near-duplicate" not in popovers(app)


def test_the_command_gives_the_same_search(page):
    app = page(q="it's cold", c="demo-en", lang="English")
    command = app.code[0].value
    assert command.startswith("""xsearch query 'it'"'"'s cold' --lang en -c demo-en -k 10""")


def test_text_of_a_corpus_is_never_html(page):
    app = page(q="kissa", c="hostile", lang="Finnish")
    assert "<script" not in html(app)
    assert "<img" not in html(app)
    assert "&lt;script&gt;window.pwned" in html(app)
    labels = [widget.label for widget in (*app.multiselect, *app.slider, *app.text_input)]
    assert any(label.startswith(r"\*\*col\*\*") for label in labels)
    assert not any(HOSTILE in text.value for text in (*app.markdown, *app.caption))


def test_a_damaged_collection_is_left_out_with_the_command_that_tells_more(page, store):
    damage(store / "demo-en")
    app = page(q=QUERY, lang="Finnish")
    assert "The collection demo-en is left out" in html(app)
    assert any(code.value.startswith("xsearch verify demo-en") for code in app.code)
    assert hits(app) == 10


def test_damage_that_shows_only_on_reading_is_told_and_the_other_collections_can_be_chosen(page, store):
    overwrite(store / "demo-en")
    app = page(q=QUERY, lang="Finnish", c="demo-en")
    assert "demo-en/segments" in html(app)
    assert "documents.parquet is damaged" in html(app)
    app.multiselect(key="c").set_value(["demo-fi"]).run()
    assert hits(app) == 10


def test_without_a_collection_the_page_says_how_to_make_one(page, store, monkeypatch, tmp_path):
    monkeypatch.setenv("XSEARCH_STORE", str(tmp_path / "nothing"))
    app = page()
    assert "No collections yet" in html(app)
    assert app.code[0].value.startswith("xsearch index")


@pytest.mark.parametrize(
    "params",
    [
        {"k": "-5"}, {"k": "x"}, {"lang": "Klingon"}, {"c": "nothing"}, {"space": "inner"}, {"f_year": "1e99"},
        {"f_topic": "'; DROP TABLE x"}, {"like": "demo-fi"}, {"q": "\x00\u202e" * 50},
    ],
)  # fmt: skip
def test_an_address_made_up_by_hand_is_no_crash(page, params):
    page(**({"q": QUERY, "lang": "Finnish"} | params))


def test_a_repeated_query_asks_no_encoder(page, monkeypatch):
    from page.warming import warm_up
    from xsearch.encoder import Encoder

    app = page(q=QUERY, c="demo-fi", lang="Finnish")
    warm_up().join()
    monkeypatch.setattr(Encoder, "encode", lambda *args, **kwargs: pytest.fail("encoded again"))
    app.run()
    assert hits(app) == 10


def test_numbers_and_dates_beyond_what_a_slider_can_hold_stop_no_search(page, store, tmp_path):
    app = page()  # sets the languages that indexing needs
    rows = ["1234567890123456789,2001-05-01,kissa", "7,9999-12-31,koira", "9,1517-10-31,talo"]
    (tmp_path / "far.csv").write_text("\n".join(["number,until,text", *rows]) + "\n")
    index_corpus(Corpus.open(tmp_path / "far.csv"), store / "far", lang="fi")
    app = page(q="kissa", c="far")
    assert hits(app) == 3
    assert [slider.key for slider in app.slider if slider.key.startswith("f_")] == ["f_until"]
    app.slider(key="f_until").set_value((date(2000, 1, 1), date(2250, 12, 31))).run()
    assert hits(app) == 2, "the last day of the slider stands for all that are later"


def index_years(store, tmp_path, name, years, mode="create"):
    """Index a document a year into a collection of the store."""
    path = tmp_path / f"{name}-{years[0]}.csv"
    rows = [f"{name}-{year},{year},{year}-06-01,old road number {year}" for year in years]
    path.write_text("\n".join(["id,year,day,text", *rows]) + "\n")
    index_corpus(Corpus.open(path), store / name, lang="en", mode=mode)


def years_found(app):
    return sorted(int(year) for year in re.findall(r"<span>year</span> (\d+)", html(app)))


def asked(app, query):
    app.text_input(key="q").set_value(query).run()
    assert not app.exception, app.exception
    return app


def slide(app, key, ends):
    """Move the ends of a slider, in the address too, as the browser does."""
    app.slider(key=key).set_value(ends)
    app.query_params[key] = [str(end) for end in ends]
    app.run()
    assert not app.exception, app.exception


@pytest.fixture
def dated(page, store, tmp_path):
    """A page over two collections whose years differ, and no other."""
    page()  # sets the languages that indexing needs
    for name in ("demo-en", "demo-fi", "hostile", "twins"):
        shutil.rmtree(store / name)
    index_years(store, tmp_path, "near", range(2010, 2016))
    index_years(store, tmp_path, "wide", range(2000, 2031, 5))
    return page


def test_a_filter_that_nobody_set_takes_in_a_collection_that_is_added(dated):
    app = dated(q="road", c="near", lang="English", fold="false", k="30")
    app.multiselect(key="c").set_value(["near", "wide"]).run()
    assert len(years_found(app)) == 13
    asked(app, "old road")
    assert len(years_found(app)) == 13
    assert app.slider(key="f_year").value == (2000, 2030)
    assert "f_year" not in app.query_params
    assert "f_day" not in app.query_params


def test_a_filter_that_nobody_set_lets_go_of_a_collection_that_is_removed(dated):
    app = dated(q="road", lang="English", fold="false", k="30")
    app.multiselect(key="c").set_value(["near"]).run()
    app.multiselect(key="c").set_value(["near", "wide"]).run()
    asked(app, "old road")
    assert len(years_found(app)) == 13
    assert "f_year" not in app.query_params


def test_a_filter_that_nobody_set_takes_in_documents_that_are_appended(dated, store, tmp_path):
    app = dated(q="road", c="near", lang="English", fold="false", k="30")
    index_years(store, tmp_path, "near", range(2016, 2019), mode="append")
    for query in ("old road", "road number", "the road"):
        asked(app, query)
        assert years_found(app) == [*range(2010, 2019)]
    assert "f_year" not in app.query_params


@pytest.mark.parametrize(
    ("chosen", "widened", "narrowed"),
    [
        ((2012, 2015), (2012, 2030), (2012, 2015)),
        ((2010, 2013), (2000, 2013), (2010, 2013)),
        ((2012, 2014), (2012, 2014), (2012, 2014)),
    ],
)
def test_an_end_of_a_filter_that_was_set_stays_when_collections_change(dated, chosen, widened, narrowed):
    app = dated(q="road", c="near", lang="English", fold="false", k="30")
    slide(app, "f_year", chosen)
    for names, ends in ((["near", "wide"], widened), (["near"], narrowed)):
        app.multiselect(key="c").set_value(names).run()
        for query in ("old road", "road number"):
            assert app.slider(key="f_year").value == ends
            found = years_found(app)
            assert (min(found), max(found)) == (ends[0], ends[1])
            asked(app, query)
            assert app.query_params["f_year"] == [str(end) for end in ends]


def test_an_end_of_a_filter_beyond_what_there_is_stands_at_the_bound(dated):
    app = dated(q="road", c="wide", lang="English", fold="false", k="30")
    slide(app, "f_year", (2005, 2012))
    app.multiselect(key="c").set_value(["near"]).run()
    for query in ("old road", "road number"):
        assert app.slider(key="f_year").value == (2010, 2012)
        assert years_found(app) == [2010, 2011, 2012]
        asked(app, query)
        assert app.query_params["f_year"] == ["2010", "2012"]


def test_days_that_were_set_stay_when_collections_change(dated):
    app = dated(q="road", c="near", lang="English", fold="false", k="30")
    slide(app, "f_day", (date(2012, 1, 1), date(2015, 6, 1)))
    assert years_found(app) == [2012, 2013, 2014, 2015]
    app.multiselect(key="c").set_value(["near", "wide"]).run()
    for query in ("old road", "road number"):
        assert app.slider(key="f_day").value == (date(2012, 1, 1), date(2030, 6, 1))
        assert years_found(app) == [2012, 2013, 2014, 2015, 2015, 2020, 2025, 2030]
        asked(app, query)


def test_a_column_of_another_kind_in_another_collection_starts_afresh(page, store, tmp_path):
    page()  # sets the languages that indexing needs
    values = {"numbers": range(60), "texts": [f"word {n}" for n in range(60)], "more": range(10, 90)}
    for name, column in values.items():
        rows = [f"{number},{value},old dog {number}" for number, value in enumerate(column)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,x,text", *rows]) + "\n")
        index_corpus(Corpus.open(tmp_path / f"{name}.csv"), store / name, lang="en")
    app = page(q="dog", c="numbers", lang="English", fold="false")
    app.slider(key="f_x").set_value((20, 40)).run()
    app.multiselect(key="c").set_value(["texts"]).run()
    asked(app, "old dog")
    assert app.text_input(key="f_x").value == ""
    assert hits(app) == 10
    app.text_input(key="f_x").set_value("word 1").run()
    assert not app.exception, app.exception
    app.multiselect(key="c").set_value(["more"]).run()
    asked(app, "the dog")
    assert app.slider(key="f_x").value == (10, 89)
    assert hits(app) == 10
