"""One spelling for what a language spells in several ways, and words without what is written together with them."""

import pytest

from train.recipe import Vocabulary
from train.vocabulary import normaliser, train_tokenizer, word_cutter


def folded(language: str, text: str) -> str:
    return normaliser(language).normalize_str(text)


def words(language: str, text: str) -> list[str]:
    return [word for word, _ in word_cutter(language).pre_tokenize_str(folded(language, text))]


@pytest.mark.parametrize(
    ("language", "spellings"),
    [
        ("uz", ["oʻzbek", "o'zbek", "o‘zbek", "O`zbek", "ўзбек"]),
        ("uz", ["yerlar", "ерлар"]),
        ("uz", ["daryo", "дарё"]),
        ("uz", ["maʼno", "ma’no", "маъно"]),
        ("uz", ["konstitutsiya", "Конституция"]),
        ("uz", ["sirk", "цирк"]),
        ("ar", ["كتب", "كَتَبَ", "كتـــب"]),
        ("ar", ["احمد", "أحمد"]),
        ("ar", ["على", "علي"]),
        ("ar", ["2026", "٢٠٢٦"]),
        ("am", ["ሰላም", "ሠላም"]),
        ("am", ["ሀገር", "ሐገር", "ኀገር", "ሃገር"]),
        ("hi", ["ज़रूर", "जरूर", "ज़रूर"]),
        ("hi", ["हाँ", "हां"]),
        ("hi", ["हिन्दी", "हिंदी"]),
        ("mr", ["2026", "२०२६"]),
        ("ha", ["ʼyaʼya", "'ya'ya", "ƴaƴa"]),
        ("sw", ["ng'ombe", "ng’ombe"]),
        ("ru", ["ёлка", "Елка"]),
        ("tr", ["kağıt", "kâğıt"]),
        ("zh", ["汉语学习", "漢語學習"]),
        ("zh", ["abc,1", "ＡＢＣ，１"]),
        ("kk", ["әке", "əке"]),
    ],
)
def test_spellings_of_one_word_are_one(language, spellings):
    assert len({folded(language, spelling) for spelling in spellings}) == 1


def test_the_mark_of_an_uzbek_letter_does_not_cut_the_word():
    assert words("uz", "o'zbek tog‘lari ma’no") == ["oʻzbek", "togʻlari", "maʼno"]
    assert words("uz", "u 'yaxshi' dedi") == ["u", "'", "yaxshi", "'", "dedi"]


@pytest.mark.parametrize(
    ("language", "text", "cut"),
    [
        ("ar", "والكتاب للولد بيت", ["وال", "كتاب", "لل", "ولد", "بيت"]),
        ("am", "የኢትዮጵያ በቤት በግ", ["የ", "ኢትዮጵያ", "በ", "ቤት", "በግ"]),
        ("te", "పుస్తకాలు ఇంటికి", ["పుస్తకా", "లు", "ఇంటి", "కి"]),
        ("fi", "talossakin", ["talossakin"]),
    ],
)
def test_what_is_written_together_with_a_word_is_cut_off(language, text, cut):
    assert words(language, text) == cut


def test_korean_particles_are_cut_off_within_a_syllable_too():
    assert words("ko", "학교에서는") == [folded("ko", "학교"), folded("ko", "에서는")]
    assert words("ko", "나무") == [folded("ko", "나무")]


def test_a_recipe_can_leave_the_spelling_alone():
    tokenizer = train_tokenizer(["كَتَبَ والكتاب"] * 3, "ar", Vocabulary(size=100, orthography=False))
    assert [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str("والكتاب")] == ["والكتاب"]
    assert tokenizer.normalizer.normalize_str("كَتَبَ") == "كَتَبَ"
