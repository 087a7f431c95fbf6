"""Step 1a: a tokenizer of the language's own.

The base encoder's vocabulary splits a foreign word into meaningless pieces; a vocabulary learnt on the language
keeps words whole, which makes inputs shorter and gives the word alignment (`train.alignment`) units to translate.

The normaliser is NFKC (NFC without `orthography`), lower-casing (a no-op where there is no case), no accent stripping,
since accents and vowel signs carry meaning, and what `train.orthography` knows of the language. In scripts without
spaces (Chinese, Japanese, Thai) a clause between punctuation marks stands for a word, and the sub-word model finds the
words inside it.

WordPiece and BPE give the same tokenizer for the same texts. The Unigram trainer of the tokenizers library adds up
in an order that changes from process to process, so that rare pieces may differ between two trainings.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from train.orthography import clitics, composition, folding
from train.recipe import Vocabulary
from xsearch.encoder.unknown_characters import INVISIBLE, bear_unknown_characters
from xsearch.errors import XsearchError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""In this order in every module, so that the padding id is 0 and a checkpoint's ids can be mapped by name."""

ALPHABET = 4_000
"""Characters that get a piece of their own; rarer ones are unknown."""
_LONGEST_WORD = 1_000
"""Characters. A clause of a script without spaces is one word to WordPiece, and a longer word is unknown."""

# Turkic dotted and dotless i: Unicode's default lower-casing sends "I" to "i", which in these languages is
# another letter (CLDR tr/az special casing).
_DOTLESS_I = frozenset({"tr", "az"})


def train_tokenizer(texts: Sequence[str], language: str, settings: Vocabulary) -> Tokenizer:
    """Learn a tokenizer from texts of one language. The post-processor adds [CLS] and [SEP]; the padding id is 0."""
    normalise = normaliser(language, orthography=settings.orthography)
    if settings.kind == "wordpiece":
        cutting = word_cutter(language, orthography=settings.orthography)
        tokenizer = _wordpiece(texts, normalise, cutting, settings)
    elif settings.kind in ("unigram", "bpe"):
        tokenizer = _metaspace(texts, normalise, settings)
    else:
        raise XsearchError(f"tokenizer kind {settings.kind!r} is unknown; use wordpiece, unigram or bpe")
    return _with_ends(tokenizer)


def united(tokenizers: Sequence[Tokenizer]) -> Tokenizer:
    """One WordPiece tokenizer that knows every piece of several, and has no language's own lower-casing or spelling.

    So the others must be without `orthography`. WordPiece takes the longest piece that fits, so every language is cut
    as by its own tokenizer, or into longer pieces that another language has too.

    Raises:
        XsearchError: one of them is no WordPiece tokenizer.
    """
    vocabulary = {piece: index for index, piece in enumerate(SPECIAL_TOKENS)}
    for tokenizer in tokenizers:
        model = json.loads(tokenizer.to_str())["model"]
        if model["type"] != "WordPiece":
            raise XsearchError(
                f"vocabularies can be united if they are of WordPiece, found {model['type']}; set kind = "
                '"wordpiece" in the recipe\'s [vocabulary] and take a base with such a tokenizer'
            )
        for piece in sorted(model["vocab"], key=model["vocab"].__getitem__):
            vocabulary.setdefault(piece, len(vocabulary))
    return _with_ends(_wordpiece_of(vocabulary, normaliser(""), word_cutter("")))


def _with_ends(tokenizer: Tokenizer) -> Tokenizer:
    bear_unknown_characters(tokenizer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, SPECIAL_TOKENS.index(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _wordpiece(
    texts: Sequence[str],
    normalise: normalizers.Normalizer,
    cutting: pre_tokenizers.PreTokenizer,
    settings: Vocabulary,
) -> Tokenizer:
    # The trainer numbers the continuing characters (##a) in the order of a hash map, which changes from process to
    # process and decides ties between merges. Announced as special tokens they are numbered in our order; the
    # tokenizer is then built anew from the vocabulary alone, where they are ordinary pieces.
    alphabet = _alphabet(texts, normalise)
    continuing = [f"##{c}" for c in alphabet if unicodedata.category(c)[0] not in "PZC"]
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer, learner.pre_tokenizer = normalise, cutting
    trainer = trainers.WordPieceTrainer(
        vocab_size=settings.size,
        min_frequency=settings.min_frequency,
        special_tokens=[*SPECIAL_TOKENS, *continuing],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    return _wordpiece_of(json.loads(learner.to_str())["model"]["vocab"], normalise, cutting)


def _wordpiece_of(
    vocabulary: dict[str, int], normalise: normalizers.Normalizer, cutting: pre_tokenizers.PreTokenizer
) -> Tokenizer:
    model = models.WordPiece(vocab=vocabulary, unk_token="[UNK]", max_input_chars_per_word=_LONGEST_WORD)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalise, cutting
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def _metaspace(texts: Sequence[str], normalise: normalizers.Normalizer, settings: Vocabulary) -> Tokenizer:
    trainer: trainers.Trainer
    if settings.kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(
            vocab_size=settings.size,
            special_tokens=list(SPECIAL_TOKENS),
            unk_token="[UNK]",
            max_piece_length=16,
            show_progress=False,
        )
    else:
        tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
        alphabet = _alphabet(texts, normalise)
        trainer = trainers.BpeTrainer(
            vocab_size=settings.size,
            min_frequency=settings.min_frequency,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=[*alphabet, "▁"],
            limit_alphabet=len(alphabet) + 1,
            show_progress=False,
        )
    # The metaspace stands before a word only; punctuation is split off so that a word is the same piece at the
    # end of a sentence as inside it.
    tokenizer.normalizer = normalise
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Punctuation("isolated")]
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _alphabet(texts: Iterable[str], normalise: normalizers.Normalizer) -> list[str]:
    """The most frequent characters of the texts as the tokenizer sees them, ties in the order of Unicode."""
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(normalise.normalize_str(text))
    seen.pop(" ", None)
    return sorted(sorted(seen, key=lambda c: (-seen[c], c))[:ALPHABET])


def rules(language: str) -> str:
    """How texts are normalised and cut into words, as a tokenizer's file states it."""
    return _wordpiece_of({"[UNK]": 0}, normaliser(language), word_cutter(language)).to_str()


def word_cutter(language: str, *, orthography: bool = True) -> pre_tokenizers.PreTokenizer:
    """Words at white space and punctuation; with `orthography` without what the language writes together with them."""
    words = pre_tokenizers.BertPreTokenizer()
    first = clitics(language if orthography else "")
    return pre_tokenizers.Sequence([*first, words]) if first else words


def normaliser(language: str, *, orthography: bool = True) -> normalizers.Normalizer:
    """NFC, lower case as the language has it; NFKC and what `train.orthography` knows of it with `orthography`."""
    known = language if orthography else ""
    steps: list[normalizers.Normalizer] = [composition(known)]
    if language in _DOTLESS_I:
        steps += [normalizers.Replace("I", "ı"), normalizers.Replace("İ", "i")]
    # Curly apostrophes are typed straight as often as not, and Uzbek and Hausa spell letters with them.
    steps += [
        normalizers.Replace(Regex("[\u2018\u2019\u02bb\u02bc\u0060\u00b4]"), "'"),
        normalizers.Replace(Regex(INVISIBLE), ""),
        normalizers.Lowercase(),
        *folding(known),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
    ]
    return normalizers.Sequence(steps)
