import numpy as np

from tests.train import toy
from train.alignment import align, collect_links


def ids_of(texts):
    words = sorted({word for text in texts for word in text.split()})
    number = {word: index for index, word in enumerate(words)}
    return [[number[word] for word in text.split()] for text in texts], words


def test_word_alignment_finds_the_dictionary():
    english = toy.sentences(400)
    # The last noun first: the order of words is not the same on both sides.
    foreign = [
        " ".join([words[-1], *words[:-1]]) for words in (toy.translate(text).split() for text in english)
    ]
    english_ids, english_words = ids_of(english)
    foreign_ids, foreign_words = ids_of(foreign)
    links = collect_links(foreign_ids, english_ids, english_vocabulary=len(english_words))
    counts = align(links)
    counts.resize((len(foreign_words), len(english_words)))
    best = np.asarray(counts.argmax(axis=1)).ravel()
    found = {foreign_words[f]: english_words[e] for f, e in enumerate(best)}
    right = sum(found[toy.TOY[word]] == word for word in english_words)
    assert right >= 0.97 * len(english_words)
    certain = counts.multiply(1 / counts.sum(axis=1)).max()
    assert certain > 0.9


def test_links_stop_at_the_limit():
    foreign, english = [[0, 1], [1, 2], [0, 2]], [[0, 1], [1, 0], [0, 1]]
    links = collect_links(foreign, english, english_vocabulary=2, max_links=8)
    assert len(links.key) == 8
    assert set(map(tuple, links.couples)) == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)}


def test_in_long_pairs_words_link_with_those_about_as_far_into_the_text():
    foreign, english = list(range(200)), list(range(300))
    links = collect_links([foreign], [english], english_vocabulary=300, max_tokens=48)
    assert len(links.key) < 0.2 * 200 * 300
    apart = links.couples[:, 0] / 200 - links.couples[:, 1] / 300
    assert np.abs(apart).max() < 0.1
    assert set(links.couples[:, 0]) == set(foreign)
    assert set(links.couples[:, 1]) == set(english)


def test_no_pairs_give_no_links_and_an_empty_matrix():
    links = collect_links([[]], [[1]], english_vocabulary=3)
    assert align(links).shape == (0, 0)
