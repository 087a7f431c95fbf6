import errno
import io
import shutil

from tests.app.conftest import damage, html, overwrite

QUERY = "saanko itse sahata naapurin puolelta pihalle kasvavat oksat"


def hits(app):
    return html(app).count('<article class="hit')


def test_compare_shows_both_spaces_and_what_they_share(page):
    app = page("compare", q=QUERY, lang="Finnish")
    assert hits(app) == 20
    assert "hits in both" in html(app)


def test_compare_says_when_the_query_is_in_another_language(page):
    app = page("compare", q="the old dog", lang="English")
    assert "The native space of demo-fi is for Finnish" in html(app)


def test_compare_answers_from_several_languages(page):
    app = page("compare", q=QUERY, lang="Finnish", by="Languages")
    assert hits(app) == 20
    assert "demo-en · English" in html(app)


def test_compare_without_a_collection_in_both_spaces_says_how_to_make_one(page, store):
    shutil.rmtree(store / "demo-fi")
    app = page("compare", q=QUERY, lang="Finnish")
    assert "No collection has both spaces" in html(app)
    assert "--spaces both" in app.code[0].value


def test_a_question_with_a_passage_gets_scores_and_a_margin(page):
    app = page(
        "questions", passage="koira ja kissa", question="who is it", option_A="the dog", option_B="the house"
    )
    app.selectbox(key="passage_lang").set_value("fi").run()
    shown = html(app)
    assert shown.count('class="option') == 2
    assert shown.count('class="option chosen"') == 1
    assert "Margin" in shown
    assert "shared space" in shown


def test_the_passage_of_a_question_can_be_searched_for(page):
    app = page(
        "questions", passage_is="found by searching", question="who is it", option_A="dog", option_B="cat"
    )
    assert "The passage, found in" in html(app)
    assert 'class="option chosen"' in html(app)


def test_options_stand_in_the_order_of_their_letters(page):
    app = page("questions", options="5")
    assert [box.label for box in app.text_input] == ["Question", "A", "B", "C", "D", "E"]


def test_a_question_that_is_not_complete_says_what_is_missing(page):
    assert "two options or more" in html(page("questions", question="who"))


def test_the_map_draws_every_document_and_the_query(page):
    app = page("map", q=QUERY, lang="Finnish", c="demo-fi")
    assert len(app.get("plotly_chart")) == 1
    assert "321 documents" in html(app)
    assert "The diamond is the query" in html(app)


def test_collections_are_described(page):
    shown = html(page("collections"))
    assert "Finnish 321" in shown
    assert "<dt>spaces</dt><dd>shared, native</dd>" in shown
    assert "exact search" in shown


def test_a_collection_is_verified_on_demand(page, store):
    app = page("collections")
    app.button(key="verify_twins").click().run()
    assert "Whole: " in html(app)
    damage(store / "twins")
    app.button(key="verify_twins").click().run()
    assert "documents.parquet has" in html(app)


def test_a_map_of_documents_that_cannot_be_read_says_so(page, store):
    overwrite(store / "demo-fi")
    assert "documents.parquet is damaged" in html(page("map", c="demo-fi"))


def test_a_damaged_collection_is_shown_with_its_damage(page, store):
    damage(store / "twins")
    assert "It cannot be opened" in html(page("collections"))


def test_an_upload_without_a_file_is_refused_in_words(page):
    app = page("collections")
    next(button for button in app.button if button.label == "Index").click().run()
    assert "Choose a file and the language" in html(app)


def test_an_upload_that_cannot_be_read_is_named_as_it_was_sent(page, monkeypatch):
    """AppTest has no file to upload, so the form is given one."""
    from page import uploading

    class Sent(io.BytesIO):
        name = "pets.csv"

    monkeypatch.setattr(uploading.st, "file_uploader", lambda *_, **__: Sent(b"text\n\xfc\n"))
    app = page("collections")
    app.selectbox(key="upload_lang").set_value("fi")
    next(button for button in app.button if button.label == "Index").click().run()
    assert "<p>Pets.csv, line 2: byte 0xfc is not UTF-8" in html(app)


def test_a_disk_that_is_full_is_said_in_words(page, monkeypatch):
    """AppTest has no file to upload, so the form is given one."""
    from page import uploading

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "/store")

    monkeypatch.setattr(uploading.st, "file_uploader", lambda *_, **__: object())
    monkeypatch.setattr(uploading, "_index", full)
    app = page("collections")
    app.selectbox(key="upload_lang").set_value("fi")
    next(button for button in app.button if button.label == "Index").click().run()
    assert "No space left on device" in html(app)


def test_an_option_keeps_the_letter_of_its_box_where_another_is_empty(page):
    app = page(
        "questions", passage="koira ja kissa", question="who is it", option_A="house", option_C="the dog"
    )
    assert "<span>C</span>" in html(app)
    assert "<span>B</span>" not in html(app)
