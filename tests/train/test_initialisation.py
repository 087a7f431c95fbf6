import numpy as np
import pytest

from tests.train import checkpoints, toy
from train.checkpoint import load_checkpoint
from train.initialisation import focus_table, translated_table
from train.recipe import Initialisation, Vocabulary
from train.sequences import tokenise
from train.vocabulary import SPECIAL_TOKENS, train_tokenizer
from xsearch.errors import XsearchError


@pytest.fixture(scope="module")
def english():
    return toy.sentences(500)


@pytest.fixture(scope="module")
def foreign(english):
    return [toy.translate(text) for text in english]


@pytest.fixture(scope="module")
def tokenizer(foreign):
    return train_tokenizer([*foreign, "2024 , 17 ."] * 2, "fi", Vocabulary(size=400))


@pytest.fixture(scope="module")
def english_base(tmp_path_factory):
    folder = checkpoints.english_bert(
        tmp_path_factory.mktemp("bert"), [*toy.sentences(400, 9), "2024 , 17 ."]
    )
    return load_checkpoint(str(folder))


@pytest.fixture(scope="module", params=["wordpiece", "unigram"])
def multilingual_base(request, tmp_path_factory, foreign):
    texts = [
        *toy.sentences(300, 9),
        *(text.capitalize() for text in foreign[:40]),
        *foreign[:40],
        "2024 , 17 .",
    ]
    make = checkpoints.mbert if request.param == "wordpiece" else checkpoints.xlm_r
    return load_checkpoint(str(make(tmp_path_factory.mktemp("base"), texts)))


def table_of(checkpoint):
    return checkpoint.model.get_input_embeddings().weight.detach().numpy()


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_a_word_starts_where_its_translation_stands(tokenizer, english_base, english, foreign):
    base_table = table_of(english_base)
    table = translated_table(
        tokenizer, english_base.tokenizer, base_table, foreign, english, Initialisation()
    )
    assert table.shape == (tokenizer.get_vocab_size(), base_table.shape[1])
    whole = [
        w for w in toy.ENGLISH if tokenizer.token_to_id(toy.TOY[w]) and english_base.tokenizer.token_to_id(w)
    ]
    assert len(whole) > 40
    near = [
        cosine(table[tokenizer.token_to_id(toy.TOY[w])], base_table[english_base.tokenizer.token_to_id(w)])
        for w in whole
    ]
    assert np.median(near) > 0.95


def test_what_is_spelt_alike_starts_alike_and_special_tokens_are_the_bases(
    tokenizer, english_base, english, foreign
):
    base_table = table_of(english_base)
    settings = Initialisation(rescale=0.0)  # smoothed by spelling, which leaves digits and punctuation alone
    table = translated_table(tokenizer, english_base.tokenizer, base_table, foreign, english, settings)
    for piece in ("2024", ",", *SPECIAL_TOKENS):
        ours, theirs = tokenizer.token_to_id(piece), english_base.tokenizer.token_to_id(piece)
        np.testing.assert_allclose(table[ours], base_table[theirs], rtol=1e-5)


def test_a_piece_that_no_translation_shows_leans_on_its_spelling(tokenizer, english_base, english, foreign):
    base_table = table_of(english_base)
    lacking = toy.TOY["garden"]
    kept = [(f, e) for f, e in zip(foreign, english, strict=True) if lacking not in f.split()]
    plain, smooth = (
        translated_table(
            tokenizer,
            english_base.tokenizer,
            base_table,
            *zip(*kept, strict=True),
            Initialisation(smoothing=s),
        )
        for s in (0.0, 8.0)
    )
    unseen = [i for piece, i in tokenizer.get_vocab().items() if piece == lacking]
    assert unseen
    assert all(np.linalg.norm(plain[i] - smooth[i]) > 0.05 * np.linalg.norm(plain[i]) for i in unseen)
    frequent = tokenizer.token_to_id(toy.TOY["the"])
    assert cosine(plain[frequent], smooth[frequent]) > 0.98


def test_without_any_link_every_word_starts_in_the_middle(tokenizer, english_base):
    base_table = table_of(english_base)
    table = translated_table(tokenizer, english_base.tokenizer, base_table, [], [], Initialisation())
    assert np.isfinite(table).all()


def test_focus_keeps_what_a_multilingual_base_knows_and_averages_the_rest(
    tokenizer, multilingual_base, foreign
):
    base_table = table_of(multilingual_base)
    sequences = tokenise(tokenizer, foreign, 64)
    table = focus_table(tokenizer, multilingual_base.tokenizer, base_table, sequences)
    known = [
        (ours, theirs)
        for piece in tokenizer.get_vocab()
        if piece.isalnum() and (ours := tokenizer.token_to_id(piece)) is not None
        for spelling in (piece, f"▁{piece}")
        if (theirs := multilingual_base.tokenizer.token_to_id(spelling)) is not None
        and not (spelling == piece and multilingual_base.architecture.type == "xlm-roberta")
    ]
    assert len(known) > 10
    for ours, theirs in known:
        np.testing.assert_allclose(table[ours], base_table[theirs], rtol=1e-5)
    assert np.isfinite(table).all()
    spoken = np.setdiff1d(np.unique(np.concatenate(sequences)), [ours for ours, _ in known])
    assert len(np.unique(table[spoken].round(4), axis=0)) > 0.9 * len(spoken)


def test_focus_is_the_same_every_time(tokenizer, multilingual_base, foreign):
    sequences, base_table = tokenise(tokenizer, foreign, 64), table_of(multilingual_base)
    tables = [focus_table(tokenizer, multilingual_base.tokenizer, base_table, sequences) for _ in range(2)]
    np.testing.assert_array_equal(*tables)


def test_focus_without_overlap_is_refused(multilingual_base):
    tokenizer = train_tokenizer(["ሰላም ዓለም"] * 3, "am", Vocabulary(size=50))
    with pytest.raises(XsearchError, match="FOCUS needs sub-words that the base knows"):
        focus_table(tokenizer, multilingual_base.tokenizer, table_of(multilingual_base), [])
