"""What writers of a language spell in several ways and mean alike, made one before words are cut; and where to cut.

A form that the training shows in one spelling is met in the other when people search. These are the foldings that
are usual for the language, and no more: accents, vowel signs and whatever tells words apart stay. And what is written
together with a word ("and", "the", "of", particles) is cut off, so that the word is the same piece without it.

Sentences of a source left out of the training that are found before any training, from the language and from English,
without and with both (1,000; 294 in Uzbek): Arabic 47.7 and 46.5 %, 64.3 and 64.7 (58.5 and 60.7 by folding alone);
Amharic 37.1 and 37.7, 45.1 and 46.9 (39.9 and 41.2); Uzbek 52.7 and 55.1, 59.2 and 62.9; Korean 58.4 and 56.0, 62.3 and
58.9; Telugu 49.5 and 52.1, 51.8 and 53.5 by cutting. Endings cut off made no difference in Kazakh, Uzbek and Marathi,
and prefixes of verbs made Swahili worse.

| languages | what | source |
|---|---|---|
| uz | Cyrillic read as Latin; the marks of oʻ, gʻ and ʼ are letters, not quotation marks | Uzbek law of 1995 |
| ar | hamza on alef, final yeh and teh marbuta; vowel marks and tatweel left out | Lucene, ArabicNormalizer |
| am | letters of one sound (ሐ ኀ, ሠ, ዐ, ፀ) | usual in Amharic retrieval (Yimam et al. 2021) |
| hi mr | joiners, nukta, candrabindu, nasals before consonants | Lucene, IndicNormalizer and HindiNormalizer |
| te | joiners | Lucene, IndicNormalizer |
| ha sw | the apostrophe of a letter (ʼy, ngʼ) | |
| zh | traditional characters read as simplified ones | OpenCC |
| ru | ё | |
| tr | circumflex | |
| kk | the Latin letter that looks like ә | |
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from tempfile import NamedTemporaryFile

from tokenizers import Regex, normalizers, pre_tokenizers

_UZBEK = {
    "(?<![\\p{L}])е|(?<=[аеёиоуўэюяъь])е": "ye", "(?<=[аеёиоуўэюя])ц": "ts",
    "ё": "yo", "ю": "yu", "я": "ya", "ч": "ch", "[шщ]": "sh", "ў": "oʻ", "ғ": "gʻ", "ц": "s", "ж": "j", "қ": "q",
    "ҳ": "h", "х": "x", "й": "y", "[ыи]": "i", "[эе]": "e", "ъ": "ʼ", "ь": "", "а": "a", "б": "b", "в": "v", "г": "g",
    "д": "d", "з": "z", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t",
    "у": "u", "ф": "f",
    "(?<=[og])'": "ʻ", "(?<=\\p{L})'(?=\\p{L})": "ʼ",
}  # fmt: skip
_IDEOGRAPHS = range(0x3400, 0xA000)
_INDIC = {"[\u200c\u200d]": ""}
_DEVANAGARI = _INDIC | {
    "\u093c": "",
    "\u0901": "\u0902",
    "[ङञणनम]\u094d(?=[क-घच-झट-ढत-धप-भ])": "\u0902",  # a nasal before a consonant of its own place: हिन्दी, हिंदी
}
_ARABIC = {
    "[\u0640\u064b-\u0652]": "",
    "[\u0622\u0623\u0625]": "\u0627",
    "\u0649": "\u064a",
    "\u0629": "\u0647",
}


def _digits(*zeros: str) -> dict[str, str]:
    """Digits of the rows that begin with `zeros` as those of ASCII."""
    return {f"[{''.join(chr(ord(zero) + digit) for zero in zeros)}]": str(digit) for digit in range(10)}


# Ethiopic syllables stand in rows of eight, one for each vowel.
_HOMOPHONES = {0x1210: 0x1200, 0x1280: 0x1200, 0x1220: 0x1230, 0x12D0: 0x12A0, 0x1340: 0x1338}
_AMHARIC = {chr(row + vowel): chr(to + vowel) for row, to in _HOMOPHONES.items() for vowel in range(7)}
_AMHARIC |= {"[ሃኻ]": "ሀ", "ኣ": "አ", "፡": " "}

_FOLDED: dict[str, dict[str, str]] = {
    "uz": _UZBEK,
    "am": _AMHARIC,
    "ar": _ARABIC | _digits("\u0660", "\u06f0"),
    "hi": _DEVANAGARI | _digits("\u0966"), "mr": _DEVANAGARI | _digits("\u0966"), "te": _INDIC | _digits("\u0c66"),
    "kk": {"ə": "ә"},
    "ha": {"ƴ": "ʼy", "(?<!\\p{L})'(?=y)|(?<=\\p{L})'(?=\\p{L})": "ʼ"},
    "sw": {"(?<=ng)'": "ʼ"},
    "ru": {"ё": "е"},
    "tr": {"â": "a", "î": "i", "û": "u"},
}  # fmt: skip


def composition(language: str) -> normalizers.Normalizer:
    """The Unicode form that texts are read in: NFKC; NFC where no language is known.

    NFKD for Korean, whose syllables hold a word's last letters and the first of what is joined to it.
    """
    if not language:
        return normalizers.NFC()
    return normalizers.NFKD() if language == "ko" else normalizers.NFKC()


def folding(language: str) -> list[normalizers.Normalizer]:
    """Steps of a tokenizer's normaliser for what is in lower case; none for most languages."""
    if language == "zh":
        return [normalizers.Precompiled(_simplified())]
    return [normalizers.Replace(Regex(spelt), to) for spelt, to in _FOLDED.get(language, {}).items()]


@cache
def _simplified() -> bytes:
    """Traditional characters to simplified ones (OpenCC), in the form that SentencePiece compiles rules into."""
    from opencc import OpenCC
    from sentencepiece import SentencePieceTrainer
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]  # made at run time

    convert = OpenCC("t2s").convert
    traditional = ((chr(code), convert(chr(code))) for code in _IDEOGRAPHS)
    rules = [f"{ord(one):X}\t{ord(to):X}\n" for one, to in traditional if one != to]
    model = BytesIO()
    with NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as file:
        file.writelines(rules)
        file.flush()
        SentencePieceTrainer.train(  # any text does: only the map is wanted
            sentence_iterator=iter(["a b"]),
            model_writer=model,
            model_type="char",
            vocab_size=8,
            hard_vocab_limit=False,
            normalization_rule_tsv=file.name,
            minloglevel=2,
        )
    compiled: bytes = ModelProto.FromString(model.getvalue()).normalizer_spec.precompiled_charsmap
    return compiled


_LETTER = r"[\p{L}\p{M}]"
_BEFORE = {
    # Conjunctions, prepositions and the article, as the Penn Arabic Treebank cuts them.
    "ar": r"[وف]?[بكل]?(?:ال|لل)(?=\p{L}{2})|[وفبل](?=\p{L}{4})",
    "am": r"(?:እንደ|ስለ|[የበለከ])(?=\p{L}{2})",  # like, about, of, in, to, from
}
# Particles, and the commonest endings of verbs.
_KOREAN = """은 는 이 가 을 를 에 에는 에서 에서는 에게 의 로 으로 와 과 도 만 까지 부터 들
    어요 에요 해요 하는 하고 하지 하기 한다 했다 했던 합니다 했습니다 입니다 습니다 된다 되는"""
_AFTER = {
    "ko": (4, _KOREAN),  # a syllable is two or three letters
    "te": (3, "లు లను లకు లలో ని ను కి కు లో తో గా నుండి"),  # plural and cases
}


def clitics(language: str) -> list[pre_tokenizers.PreTokenizer]:
    """Steps that cut off what the language writes together with a word that stands before or after it.

    None for most languages. So a word is the same piece with and without them.
    """
    if language in _BEFORE:
        cut = f"(?<!{_LETTER})(?:{_BEFORE[language]})"
    elif language in _AFTER:
        stem, written = _AFTER[language]
        longest_first = sorted(
            composition(language).normalize_str(written).split(), key=lambda ending: (-len(ending), ending)
        )
        cut = f"(?<={_LETTER}{{{stem}}})(?:{'|'.join(longest_first)})(?!{_LETTER})"
    else:
        return []
    return [pre_tokenizers.Split(Regex(cut), behavior="isolated")]
