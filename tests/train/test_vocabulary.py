import os
import subprocess
import sys

import pytest

from train.recipe import Vocabulary
from train.vocabulary import SPECIAL_TOKENS, normaliser, train_tokenizer
from xsearch.errors import XsearchError

TEXTS = {
    "fi": ["Hyvää huomenta, maailma!", "Tämä on pitkä lause.", "Maailma on kaunis."],
    "am": ["ሰላም ለዓለም። እንዴት ነህ?", "ይህ መጽሐፍ ነው።", "ሰላም ነው።"],
    "hi": ["नमस्ते दुनिया, यह हिन्दी है।", "ज़िंदगी अच्छी है।", "यह किताब है।"],
    "te": ["నమస్కారం ప్రపంచం", "ఇది పుస్తకం.", "ఇది తెలుగు."],
    "ar": ["مرحبا بالعالم، كيف حالك؟", "هذا كتاب.", "هذا بيت."],
    "zh": ["你好，世界。今天天气很好。", "我喜欢看书。", "今天我看书。"],
    "ko": ["안녕하세요, 세상!", "이것은 책입니다.", "책이 좋습니다."],
    "th": ["สวัสดีชาวโลกวันนี้อากาศดี" * 8, "นี่คือหนังสือ"],
}


@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "bpe"])
@pytest.mark.parametrize("language", TEXTS)
def test_every_script_is_covered_without_unknown_tokens(language, kind):
    texts = TEXTS[language]
    tokenizer = train_tokenizer(texts * 5, language, Vocabulary(kind=kind, size=200))
    for text in texts:
        tokens = tokenizer.encode(text).tokens
        assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")
        assert "[UNK]" not in tokens
        spelt = "".join(tokens[1:-1]).replace("##", "").replace("▁", "")
        assert spelt == normaliser(language).normalize_str(text).replace(" ", "")


@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "bpe"])
def test_special_tokens_have_their_ids_and_padding_is_0(kind):
    tokenizer = train_tokenizer(TEXTS["fi"] * 3, "fi", Vocabulary(kind=kind, size=100))
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]


def test_marks_that_carry_meaning_stay():
    assert normaliser("fi").normalize_str("Ä" + "a\u0308") == "ää"
    assert normaliser("cs").normalize_str("ŽLUŤOUČKÝ") == "žluťoučký"
    assert normaliser("te").normalize_str("పుస్తకం") == "పుస్తకం"


def test_turkic_i_is_lower_cased_as_these_languages_do():
    assert normaliser("tr").normalize_str("IĞDIR İstanbul") == "ığdır istanbul"
    assert normaliser("fi").normalize_str("ISO") == "iso"


def test_the_same_texts_give_the_same_vocabulary_in_another_process():
    made = """
from train.recipe import Vocabulary
from train.vocabulary import train_tokenizer
texts = [f"{a}ko{b}pi {b}lu{c}a" for a in "aeiouyäö" for b in "aeiou" for c in "ktpsn"]
print([hash(train_tokenizer(texts, "fi", Vocabulary(kind, 90)).to_str()) for kind in ("wordpiece", "bpe")])
"""
    environment = {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    runs = {
        subprocess.run([sys.executable, "-c", made], capture_output=True, check=True, env=environment).stdout
        for _ in range(3)
    }
    assert len(runs) == 1


def test_an_unknown_kind_is_refused():
    with pytest.raises(XsearchError, match="tokenizer kind 'words' is unknown"):
        train_tokenizer(["a"], "fi", Vocabulary(kind="words"))
