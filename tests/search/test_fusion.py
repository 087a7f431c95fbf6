from hypothesis import given
from hypothesis import strategies as st

from xsearch.collection import Hit
from xsearch.search.fusion import fuse, reciprocal_rank_fusion

rankings = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=10), max_size=4)


@given(rankings)
def test_every_item_of_every_ranking_appears_once(lists):
    fused = reciprocal_rank_fusion(lists)
    assert sorted(fused) == sorted({item for ranking in lists for item in ranking})


@given(st.lists(st.integers(), unique=True))
def test_one_ranking_alone_keeps_its_order(ranking):
    assert reciprocal_rank_fusion([ranking]) == ranking
    assert reciprocal_rank_fusion([ranking, ranking]) == ranking


def test_being_found_twice_counts_more_than_being_first_once():
    assert reciprocal_rank_fusion([["a", "b", "c"], ["d", "b", "e"]])[0] == "b"


def test_equal_sums_stand_in_the_order_of_appearance():
    assert reciprocal_rank_fusion([["a", "b"], ["b", "a"]]) == ["a", "b"]


def test_fused_hits_keep_their_cosines_and_get_new_ranks():
    def hit(id_, score):
        return Hit(9, score, id_, "t", "fi", "c", {})

    fused = fuse([hit("a", 0.9), hit("b", 0.8)], [hit("b", 0.8), hit("c", 0.1)], 2)
    assert [(found.rank, found.id, found.score) for found in fused] == [(1, "b", 0.8), (2, "a", 0.9)]


def test_a_document_that_two_collections_hold_appears_once():
    def hit(id_, collection):
        return Hit(9, 0.5, id_, "t", "fi", collection, {})

    fused = fuse([hit("a", "x")], [hit("a", "y"), hit("b", "x"), hit("a", "x"), hit("b", "y")], 5)
    assert [(found.rank, found.id, found.collection) for found in fused] == [(1, "a", "x"), (2, "b", "x")]
