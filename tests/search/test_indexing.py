import pytest

from tests.stored import FakeCorpus, FakeEncoder, contents, create, put, texts
from xsearch.collection import Collection, IndexSettings
from xsearch.errors import CollectionError, CorpusError, QueryError
from xsearch.search import Progress, index_corpus


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store" / "news"


def index(corpus, path, **options):
    return index_corpus(corpus, path, **({"lang": "fi", "encoder_for": FakeEncoder} | options))


def everything(rows):
    return {f"d{number}": text for number, text in enumerate(texts(0, rows))}


def test_a_corpus_becomes_a_collection(path):
    report = index(FakeCorpus(2500), path)
    collection = Collection.open(path, encoder_for=FakeEncoder)
    assert contents(collection) == everything(2500)
    assert (report.documents, report.resumed, report.replaced, report.collection_size) == (2500, 0, 0, 2500)
    assert (report.spaces, report.languages) == (("shared",), ("fi",))
    assert collection.info().complete
    assert collection.search(texts(7, 8)[0], lang="fi", k=1)[0].metadata == {"year": 2007}


def test_progress_tells_of_every_batch_and_then_of_the_index(path):
    told: list[Progress] = []
    index(FakeCorpus(2500), path, progress=told.append, settings=IndexSettings("IVF4,SQ8"))
    encoding = [step for step in told if step.stage == "encode"]
    assert [step.done for step in encoding] == [1024, 2048, 2500]
    assert {step.total for step in told} == {2500}
    indexing = [step.done for step in told if step.stage == "index"]
    assert indexing == sorted(indexing)
    assert (indexing[0], indexing[-1]) == (0, 2500)


class Interrupted(Exception):  # noqa: N818 - no error, a person pressing ^C
    pass


def interrupt(step: Progress):
    if step.done >= 3072:
        raise Interrupted


@pytest.mark.parametrize("mode", ["create", "append", "upsert"])
def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(path, tmp_path, mode):
    if mode != "create":
        put(create(path), 5000, 5100)
    with pytest.raises(Interrupted):
        index(FakeCorpus(5000), path, mode=mode, commit_every=2000, progress=interrupt)
    committed = len(Collection.open(path)) - (0 if mode == "create" else 100)
    assert committed == 2048
    assert not Collection.open(path).info().complete
    assert "run the same" in Collection.open(path).info().advice[0]
    report = index(FakeCorpus(5000), path, mode=mode, commit_every=2000)
    assert (report.documents, report.resumed) == (5000, 2048)
    whole = tmp_path / "whole"
    if mode != "create":
        put(create(whole), 5000, 5100)
    index(FakeCorpus(5000), whole, mode=mode, commit_every=2000)
    resumed, uninterrupted = Collection.open(path), Collection.open(whole)
    assert list(contents(resumed).items()) == list(contents(uninterrupted).items())
    vector = FakeEncoder("fi").encode(["x"])
    assert [(hit.id, hit.score) for hit in resumed.search_vectors(vector, k=50)[0]] == [
        (hit.id, hit.score) for hit in uninterrupted.search_vectors(vector, k=50)[0]
    ]


def test_another_corpus_cannot_go_on_where_one_was_interrupted(path):
    with pytest.raises(Interrupted):
        index(FakeCorpus(5000, error=Interrupted(), bad_after=3072), path, commit_every=1)
    with pytest.raises(CollectionError, match="exists already"):
        index(FakeCorpus(4000), path)
    with pytest.raises(CollectionError, match="another corpus into 'news' was interrupted"):
        index(FakeCorpus(4000), path, mode="append")


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_what_was_added_by_halves_stands_in_no_others_way(path, caplog, mode):
    index(FakeCorpus(10), path)
    with pytest.raises(Interrupted):
        index(FakeCorpus(4000, first=10), path, mode=mode, commit_every=1, progress=interrupt)
    before = len(Collection.open(path))
    report = index(FakeCorpus(20, first=5000), path, mode=mode)
    assert "was interrupted" in caplog.text
    assert (report.documents, report.collection_size) == (20, before + 20)
    assert Collection.open(path).info().complete


def test_an_append_that_is_refused_leaves_no_trace(path):
    index(FakeCorpus(10), path)
    with pytest.raises(CollectionError, match="10 ids are taken already"):
        index(FakeCorpus(4000, first=-3990), path, mode="append", commit_every=1)
    assert contents(Collection.open(path)) == everything(10)
    index(FakeCorpus(10, first=10), path, mode="append")
    assert contents(Collection.open(path)) == everything(20)


def test_an_existing_collection_is_not_overwritten(path):
    index(FakeCorpus(10), path)
    with pytest.raises(CollectionError, match="exists already"):
        index(FakeCorpus(10), path)


def test_a_faulty_corpus_leaves_no_half_made_collection(path):
    with pytest.raises(CorpusError):
        index(FakeCorpus(5000, error=CorpusError("row 3000"), bad_after=2048), path, commit_every=1)
    assert not path.exists()
    assert list(path.parent.iterdir()) == []


def test_a_failure_before_the_first_commit_leaves_nothing(path):
    def no_module(language):
        raise CollectionError("no module")

    for options in ({"encoder_for": no_module}, {"settings": IndexSettings("Nonsense7")}, {"spaces": "all"}):
        with pytest.raises((CollectionError, QueryError)):
            index(FakeCorpus(100), path, **options)
        assert not path.exists()
    with pytest.raises(Interrupted):
        index(FakeCorpus(5000, error=Interrupted(), bad_after=1024), path)
    assert not path.exists()


def test_an_empty_collection_left_by_a_kill_is_taken_over(path):
    create(path)
    assert index(FakeCorpus(10), path).collection_size == 10


def test_append_refuses_known_ids_and_upsert_replaces_them(path):
    index(FakeCorpus(10), path)
    with pytest.raises(CollectionError, match="upsert"):
        index(FakeCorpus(20), path, mode="append")
    assert contents(Collection.open(path)) == everything(10)
    report = index(FakeCorpus(20), path, mode="upsert")
    assert (report.replaced, report.collection_size) == (10, 20)


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_append_and_upsert_need_a_collection(path, mode):
    with pytest.raises(CollectionError, match="no collection at"):
        index(FakeCorpus(10), path, mode=mode)


def test_a_corpus_of_several_languages_is_encoded_by_each_one_s_module(path):
    report = index(FakeCorpus(60, langs=["fi", "sv", "en"]), path, lang=None, spaces="both")
    assert set(report.languages) == {"fi", "sv", "en"}
    collection = Collection.open(path, encoder_for=FakeEncoder)
    assert collection.info().languages == {"en": 20, "fi": 20, "sv": 20}
    hits = collection.search(texts(3, 4)[0], lang="fi", k=60, space="native")
    assert {hit.lang for hit in hits} == {"fi"}
    assert len(hits) == 20
    assert hits[0].id == "d3"
    assert len(collection.search("x", lang="fi", k=60)) == 60


def test_a_language_that_appears_late_is_admitted(path):
    langs = ["fi"] * 2048 + ["sv"] * 10
    report = index(FakeCorpus(2058, langs=langs), path, lang=None)
    assert set(report.languages) == {"fi", "sv"}


def test_without_a_language_nothing_is_guessed(path):
    with pytest.raises(CorpusError, match="--lang"):
        index(FakeCorpus(10), path, lang=None)
    assert not path.exists()


def test_a_module_that_changed_cannot_add_to_older_vectors(path):
    index(FakeCorpus(10), path)
    with pytest.raises(CollectionError, match="fi module has changed"):
        index(FakeCorpus(20), path, mode="upsert", encoder_for=lambda lang: FakeEncoder(lang, version="2"))
    assert len(Collection.open(path)) == 10


@pytest.mark.parametrize(
    ("asked", "one_space", "search_space", "spaces"),
    [
        ("auto", False, "shared", ("shared",)),
        ("auto", False, "native", ("shared", "native")),
        ("auto", True, "native", ("shared",)),
        ("both", False, "shared", ("shared", "native")),
        ("both", True, "shared", ("shared",)),
        ("native", False, "shared", ("native",)),
        ("shared", False, "native", ("shared",)),
    ],
)
def test_the_spaces_that_are_indexed(path, asked, one_space, search_space, spaces):
    def encoder_for(language):
        encoder = FakeEncoder(language, one_space=one_space)
        encoder.search_space = search_space
        return encoder

    assert index(FakeCorpus(10), path, spaces=asked, encoder_for=encoder_for).spaces == spaces


@pytest.mark.parametrize("other", [{"spaces": "both"}, {"settings": IndexSettings("HNSW16")}])
def test_an_interrupted_run_is_not_finished_with_other_settings(path, other):
    with pytest.raises(Interrupted):
        index(FakeCorpus(5000, error=Interrupted(), bad_after=3072), path, commit_every=2000)
    with pytest.raises(CollectionError, match="had other spaces or settings"):
        index(FakeCorpus(5000), path, **other)
    assert index(FakeCorpus(5000), path).resumed == 2048


def test_what_an_older_version_did_not_note_of_a_module_is_noted(path):
    create(path)
    index(FakeCorpus(5), path, mode="append")
    assert Collection.open(path).manifest.modules["fi"].shared_hash == FakeEncoder("fi").shared_hash
