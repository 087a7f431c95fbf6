"""Step 1a: a tokenizer of the language's own.

The base encoder's vocabulary splits a foreign word into meaningless pieces; a vocabulary learnt on the language
keeps words whole, which makes inputs shorter and gives the word alignment (`train.alignment`) units to translate.

The normaliser is the same for every script: NFC, lower-casing (a no-op where there is no case) and no accent
stripping, since accents, vowel signs and nuktas carry meaning. Chinese and Japanese have no spaces, so there the
sub-word model itself finds the words (Unigram over whole clauses); WordPiece works inside space-delimited words.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from xsearch.errors import XsearchError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""In this order in every module, so that the padding id is 0 and a checkpoint's ids can be mapped by name."""

# Turkic dotted and dotless i: Unicode's default lower-casing sends "I" to "i", which in these languages is
# another letter (CLDR tr/az special casing).
_DOTLESS_I = frozenset({"tr", "az"})


def train_tokenizer(
    texts: Iterable[str], *, language: str, kind: str = "wordpiece", size: int = 16_000, min_frequency: int = 2
) -> Tokenizer:
    """Learn a tokenizer of `size` entries at most from texts of one language.

    `kind` is `wordpiece`, `unigram` or `bpe`. The post-processor adds [CLS] and [SEP]; the padding id is 0.
    """
    special = list(SPECIAL_TOKENS)
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
        trainer = trainers.WordPieceTrainer(
            vocab_size=size, min_frequency=min_frequency, special_tokens=special, limit_alphabet=4_000
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(
            vocab_size=size, special_tokens=special, unk_token="[UNK]", max_piece_length=16
        )
        # The metaspace stands before a word only; punctuation and digits are split off so that a word is the
        # same piece at the end of a sentence as inside it.
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Punctuation("isolated")]
        )
    elif kind == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
        trainer = trainers.BpeTrainer(
            vocab_size=size, min_frequency=min_frequency, special_tokens=special, limit_alphabet=4_000
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Punctuation("isolated")]
        )
    else:
        raise XsearchError(f"tokenizer kind {kind!r} is unknown; use wordpiece, unigram or bpe")
    tokenizer.normalizer = normaliser(language)
    tokenizer.train_from_iterator(texts, trainer)
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    return tokenizer


def normaliser(language: str) -> normalizers.Normalizer:
    """NFC, control characters and runs of white space cleaned, lower case; nothing that carries meaning is lost."""
    steps: list[normalizers.Normalizer] = [normalizers.NFC()]
    if language in _DOTLESS_I:
        steps += [normalizers.Replace("I", "ı"), normalizers.Replace("İ", "i")]
    # Curly apostrophes are typed straight as often as not, and Uzbek and Hausa spell letters with them.
    steps += [
        normalizers.Replace(Regex("[\u2018\u2019\u02bb\u02bc\u0060\u00b4]"), "'"),
        normalizers.Replace(Regex("[\u200b\ufeff\u00ad]"), ""),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
    ]
    return normalizers.Sequence(steps)
