import pytest

from xsearch.errors import LanguageError
from xsearch.languages import describe, detect, resolve

CODES = "af am ar az cs de en es fi fr ha hi id it kk ko ky mr nl pl pt ru rw sv sw te tr uz zh ja"
PROJECT_LANGUAGES = CODES.split()
SHIPPED = PROJECT_LANGUAGES[:-1]


@pytest.mark.parametrize("name", ["fi", "FI", " fin ", "Finnish", "finnish", "fi-FI", "fi_FI"])
def test_a_language_goes_by_code_name_and_tag(name):
    assert resolve(name).code == "fi"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("fre", "fr"),
        ("deu", "de"),
        ("cmn", "zh"),
        ("Mandarin", "zh"),
        ("arb", "ar"),
        ("yue", "yue"),
        ("Farsi", "fa"),
    ],
)
def test_bibliographic_codes_members_of_macrolanguages_and_other_names_are_known(name, code):
    assert resolve(name).code == code


def test_an_unknown_language_suggests_close_ones():
    with pytest.raises(LanguageError, match=r"unknown language 'Finish': did you mean fi \(Finnish\)"):
        resolve("Finish")


@pytest.mark.parametrize("name", ["", "klingonese", "x" * 10_000, "\x1b[31m", "fi\n"[::-1] + "zz"])
def test_an_unknown_language_without_close_ones_says_what_is_expected(name):
    with pytest.raises(LanguageError, match="ISO 639 code") as raised:
        resolve(name)
    assert len(str(raised.value)) < 200
    assert "\x1b" not in str(raised.value)


def test_every_code_of_the_project_resolves_to_itself():
    assert [resolve(code).code for code in PROJECT_LANGUAGES] == PROJECT_LANGUAGES


def test_describe_names_codes_and_leaves_unknown_ones():
    assert describe(["fi", "zz"]) == "fi (Finnish), zz"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("who repairs the private road", "en"),
        ("kuka korjaa yksityistien", "fi"),
        ("heat pump", "en"),
        ("lämpöpumppu", "fi"),
        ("Kimi Räikkönen", "fi"),
    ],
)
def test_detection_tells_installed_languages_apart_even_in_short_queries(text, code):
    assert detect(text, ["en", "fi"]).code == code


@pytest.mark.parametrize("text", ["", "12345", "😀", "flu", "\ud800"])
def test_detection_of_text_that_says_nothing_gives_a_candidate_with_low_confidence(text):
    found = detect(text, ["en", "fi"])
    assert found.code in ("en", "fi")
    assert found.confidence < 0.6


@pytest.mark.parametrize(
    "text",
    ["12345", "12345678901234", "1 2 3", "ok", "the", "of", "x", "5G", "wifi", "😀", "🇫🇮", "", "\ud800"],
)
def test_text_without_evidence_is_in_the_first_of_all_shipped_languages(text):
    english_first = sorted(SHIPPED, key=lambda code: (code != "en", code))
    assert detect(text, english_first).code == "en"
    assert detect(text, english_first[::-1]).code == "zh"


def test_a_dialect_of_arabic_is_arabic():
    assert detect("إزيك عامل إيه النهارده", SHIPPED).code == "ar"


@pytest.mark.parametrize(
    "text", ["déjà vu", "El Niño", "Tour de France", "Angela Merkel Berlin", "sushi recipe"]
)
def test_names_and_loanwords_do_not_count_as_another_language(text):
    assert detect(text, ["en", "fi"]).code in ("en", "fi")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wo ist die nächste Apotheke?", "German"),
        ("Кто чинит дорогу", "Russian"),
        ("Eng yaqin dorixona qayerda joylashgan", "Uzbek"),
    ],
)
def test_text_that_is_clearly_in_a_language_without_module_is_refused_by_name(text, language):
    with pytest.raises(LanguageError, match=f"{language}.*expected one of en .English., fi .Finnish."):
        detect(text, ["en", "fi"])


def test_a_single_candidate_is_the_answer():
    assert detect("kuka korjaa tien", ["fi"]).confidence == 1.0


def test_detection_without_a_candidate_that_it_knows_says_so():
    with pytest.raises(LanguageError, match="cannot detect any of"):
        detect("text", ["zz"])


def test_every_language_of_the_project_can_be_detected():
    assert [detect("", [code]).code for code in PROJECT_LANGUAGES] == PROJECT_LANGUAGES
