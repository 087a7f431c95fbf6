"""What a disk, an editor or a stranger can do to a collection, and what is said about it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.stored import FakeEncoder, contents, create, put, random_vectors
from xsearch.cli.main import cli
from xsearch.collection import Collection, IndexSettings
from xsearch.collection.facets import facets
from xsearch.collection.manifest import MANIFEST_NAME, _checksum
from xsearch.errors import CollectionError, QueryError


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """A collection with every kind of file: two segments, a part with an index for each space, words, tombstones."""
    monkeypatch.setattr("xsearch.collection.maintenance._FEW_WORDS", 0)
    settings = IndexSettings("IVF2,SQ8", keywords=True)
    collection = create(tmp_path / "whole", spaces=("shared", "native"), settings=settings)
    put(collection, 0, 200)
    put(collection, 200, 260)
    collection.delete(ids=["d3"])
    return collection


def files(collection: Collection) -> list[str]:
    return [MANIFEST_NAME, *sorted(collection.manifest.files())]


def test_the_fixture_has_every_kind_of_file(whole):
    kinds = {Path(path).name for path in whole.manifest.files()}
    assert kinds >= {"documents.parquet", "records.jsonl", "rows.npy", "ids.npy", "vectors.shared.npy"}
    assert kinds >= {"vectors.native.npy", "keys.npy", "shared.faiss", "native.faiss", "meta.json"}
    assert whole.verify().ok


def test_verify_names_the_file_in_which_a_single_bit_has_flipped(whole):
    for name in files(whole):
        path = whole.path / name
        content = path.read_bytes()
        for place in {0, len(content) // 2, len(content) - 1}:
            path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
            verification = whole.verify()
            assert [damage.file for damage in verification.damage] == [name], (name, place)
        path.write_bytes(content)
    assert whole.verify().ok


def test_a_truncated_file_is_named_by_verify_and_by_opening(whole):
    for name in files(whole):
        path = whole.path / name
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        assert [damage.file for damage in whole.verify().damage] == [name]
        with pytest.raises(CollectionError, match=Path(name).name):
            Collection.open(whole.path)
        path.write_bytes(content)


def test_a_missing_file_is_named_by_verify_and_by_opening(whole):
    for name in files(whole):
        path = whole.path / name
        shutil.move(path, path.with_name("elsewhere"))
        assert [damage.file for damage in whole.verify().damage] == [name]
        with pytest.raises(CollectionError, match=Path(name).name):
            Collection.open(whole.path)
        shutil.move(path.with_name("elsewhere"), path)


def test_damage_that_opening_does_not_see_is_an_error_of_ours_when_it_is_met(whole):
    """Checksums are verify's work; a query over damaged files answers or says so, and never ends in a traceback."""
    for name in files(whole):
        path = whole.path / name
        content = path.read_bytes()
        if path.suffix == ".faiss" or name == MANIFEST_NAME:
            continue
        path.write_bytes(content[:80] + b"\xee" * (len(content) - 80))
        try:
            opened = Collection.open(whole.path, encoder_for=FakeEncoder)
            opened.search("x", lang="fi", k=250)
            opened.search("x", lang="fi", k=250, where="year > 2000")
            opened.answer_words("teksti", random_vectors(1)[0], lang="fi", space="shared", k=10)
        except (CollectionError, QueryError):
            pass
        path.write_bytes(content)


def complaint(ask):
    try:
        ask()
    except CollectionError as error:
        return str(error)
    return None


@pytest.mark.parametrize("place", [0, 4, 80, -9, "text"])
def test_damaged_documents_are_named_by_whatever_reads_them_all(whole, place):
    """Not taken for a full disk, nor for a mistake in the filter."""
    path = next(whole.path.glob("segments/*/documents.parquet"))
    content = bytearray(path.read_bytes())
    start = content.index(b"teksti") if place == "text" else place % len(content)
    content[start : start + 80] = b"\xee" * len(content[start : start + 80])
    path.write_bytes(content)
    opened = Collection.open(whole.path, encoder_for=FakeEncoder, device=None)
    readings = [
        lambda: contents(opened),
        opened.compact,
        lambda: facets([opened]),
        lambda: opened.answer_words("teksti", random_vectors(1)[0], lang="fi", space="shared", k=10),
        lambda: opened.delete(where="text LIKE '%1%'"),
    ]
    said = [message for read in readings if (message := complaint(read)) is not None]
    assert said
    assert all("documents.parquet" in message and "xsearch verify" in message for message in said)
    assert "\n" not in "".join(said)
    assert [damage.file for damage in opened.verify().damage] == [path.relative_to(whole.path).as_posix()]


@pytest.mark.parametrize("name", ["documents.parquet", "rows.npy", "vectors.native.npy"])
def test_compacting_does_not_make_damage_pass_for_sound(whole, name):
    path = next(whole.path.glob(f"segments/*/{name}"))
    content = bytearray(path.read_bytes())
    content[content.index(b"teksti 50") + 2 if name == "documents.parquet" else -1] ^= 3
    path.write_bytes(content)
    before = whole.manifest
    with pytest.raises(CollectionError, match=rf"{name} its content has changed .* restore"):
        whole.compact()
    assert Collection.open(whole.path).manifest == before
    assert [damage.file for damage in whole.verify().damage] == [path.relative_to(whole.path).as_posix()]


@pytest.mark.parametrize("name", ["records.jsonl", "ids.npy"])
def test_compacting_mends_what_is_made_from_the_documents(whole, name):
    path = next(whole.path.glob(f"segments/*/{name}"))
    content = path.read_bytes()
    path.write_bytes(content[:-9] + b"\xee" * 9)
    before = contents(whole)
    whole.compact()
    assert whole.verify().ok
    assert contents(whole) == before


@pytest.mark.parametrize("shape", ["(", "9" * 30, "-1"])
def test_an_array_whose_header_is_damaged_is_a_clear_error(whole, shape):
    for path in whole.path.glob("segments/*/*.npy"):
        content = path.read_bytes()
        header = content[:128]
        place = header.index(b"'shape': (") + 10
        path.write_bytes(header[:place] + shape.encode() + header[place + len(shape) :] + content[128:])
        with pytest.raises(CollectionError, match=path.name):
            Collection.open(whole.path)
        path.write_bytes(content)


def test_a_damaged_faiss_file_is_a_clear_error(whole):
    path = next(whole.path.glob("parts/*/shared.faiss"))
    path.write_bytes(b"garbage!" * (path.stat().st_size // 8) + b"x" * (path.stat().st_size % 8))
    with pytest.raises(CollectionError, match=r"shared\.faiss cannot be opened"):
        Collection.open(whole.path)


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_damaged_index_hinders_nobody_who_does_not_search_and_compacting_mends_it(whole, damage):
    path = next(whole.path.glob("parts/*/shared.faiss"))
    content = path.read_bytes()
    path.write_bytes(b"\xff" + content[1:] if damage == "changed" else content[:-1])
    if damage == "gone":
        path.unlink()
    with pytest.raises(CollectionError, match=r"shared\.faiss .*; compact the collection"):
        Collection.open(whole.path)
    opened = Collection.open(whole.path, encoder_for=FakeEncoder, device=None)
    assert len(contents(opened)) == opened.info().documents == 259
    assert opened.info().index == whole.info().index
    assert opened.search("teksti 9 sana sana ", lang="fi")[0].id == "d9"
    opened.delete(ids=["d4"])
    opened.compact()
    assert opened.verify().ok
    mended = Collection.open(whole.path, encoder_for=FakeEncoder)
    assert mended.info().index == "IVF2,SQ8"
    assert mended.search("teksti 9 sana sana ", lang="fi")[0].id == "d9"


def test_the_command_line_exports_and_compacts_a_collection_whose_index_is_damaged(whole, tmp_path):
    path = next(whole.path.glob("parts/*/shared.faiss"))
    path.write_bytes(b"\xff" + path.read_bytes()[1:])

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, [*arguments, "--store", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return result.output

    assert "259 documents" in run("export", "whole", "-o", str(tmp_path / "all.jsonl"))
    assert "IVF2,SQ8" in run("info", "whole")
    assert "whole" in run("list")
    run("compact", "whole")
    assert Collection.open(whole.path).verify().ok


def rewrite(collection: Collection, **changes: object) -> None:
    """Write the manifest with other fields and a checksum that fits them, as only an attacker would."""
    path = collection.path / MANIFEST_NAME
    body = json.loads(path.read_bytes())
    del body["checksum"]
    body |= changes
    path.write_text(json.dumps({"checksum": _checksum(body), **body}))


def test_a_manifest_of_a_newer_version_says_so(whole):
    rewrite(whole, format=2, something_new=True)
    with pytest.raises(CollectionError, match="format 2, written by a newer xsearch"):
        Collection.open(whole.path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segments": "none"}, "segments should be a list"),
        ({"segments": [{"name": "x"}]}, r"segments\[0\]\.columns is missing"),
        ({"count": "many"}, "count should be of type int"),
        ({"count": True}, "count should be of type int"),
        ({"spaces": [1]}, r"spaces\[0\] should be of type str"),
        ({"modules": []}, "modules should be an object"),
        ({"surprise": 1}, "surprise is not a known field"),
        ({"tombstones": {"count": 1, "file": {"path": "../../secret", "size": 1, "sha256": ""}}}, "outside"),
        ({"tombstones": {"count": 1, "file": {"path": "/etc/passwd", "size": 1, "sha256": ""}}}, "outside"),
        ({"tombstones": {"count": 1, "file": {"path": "a\x00b", "size": 1, "sha256": ""}}}, "outside"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused_by_its_field(whole, changes, message):
    rewrite(whole, **changes)
    with pytest.raises(CollectionError, match=message):
        Collection.open(whole.path)


@pytest.mark.parametrize("names", [["../../../../etc", "00000001-1/../../.."], ["/etc", "/tmp"], ["", "."]])
def test_names_of_folders_cannot_lead_outside_either(whole, names):
    body = json.loads((whole.path / MANIFEST_NAME).read_bytes())
    for name in names:
        for kind in ("segments", "parts"):
            rewrite(whole, **{kind: [body[kind][0] | {"name": name}, *body[kind][1:]]})
            with pytest.raises(CollectionError, match="damaged"):
                Collection.open(whole.path)
            rewrite(whole, **{kind: body[kind]})


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("segments", {"files": []}, r"does not name segments/\S+/documents\.parquet"),
        ("parts", {"files": []}, r"does not name parts/\S+/keys\.npy"),
        ("parts", {"indexes": {}}, "has indexes of no space"),
    ],
)
def test_a_manifest_that_lacks_what_a_search_needs_is_refused(whole, kind, change, message):
    body = json.loads((whole.path / MANIFEST_NAME).read_bytes())
    rewrite(whole, **{kind: [body[kind][0] | change, *body[kind][1:]]})
    with pytest.raises(CollectionError, match=message):
        Collection.open(whole.path)


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}']
)
def test_a_manifest_that_is_no_manifest_is_refused(whole, content):
    (whole.path / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(CollectionError, match="damaged"):
        Collection.open(whole.path)
    assert [damage.file for damage in whole.verify().damage] == [MANIFEST_NAME]


def test_no_folder_and_a_folder_without_manifest_are_no_collections(tmp_path):
    for path in (tmp_path, tmp_path / "nothing", Path(__file__)):
        with pytest.raises(CollectionError, match="no collection at"):
            Collection.open(path)


def test_leftovers_are_reported_and_removed_by_the_next_writer_but_foreign_files_stay(whole):
    (whole.path / "segments" / "00000099-1").mkdir()
    (whole.path / "segments" / "00000099-1" / "documents.parquet").write_bytes(b"half")
    (whole.path / "manifest.json.new").write_bytes(b"half")
    (whole.path / "README.md").write_text("mine")
    assert whole.verify().ok
    assert set(whole.verify().orphans) == {"segments/00000099-1", "manifest.json.new"}
    whole.delete(ids=["d9"])
    assert whole.verify().orphans == ()
    assert (whole.path / "README.md").read_text() == "mine"


def test_cleaning_never_follows_a_link_out_of_the_collection(whole, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (whole.path / "segments" / "link").symlink_to(outside)
    shutil.rmtree(whole.path / "tombstones")
    (whole.path / "tombstones").symlink_to(outside)
    rewrite(whole, tombstones=None, count=260)
    Collection.open(whole.path).delete(ids=["d10"])
    assert (outside / "precious").read_text() == "x"


@pytest.mark.parametrize("footer", [True, False])
def test_documents_that_are_no_parquet_any_more_are_named_when_they_are_read(whole, footer):
    path = next(whole.path.glob("segments/*/documents.parquet"))
    content = path.read_bytes()
    kept = content[-int.from_bytes(content[-8:-4], "little") - 8 :] if footer else b""
    path.write_bytes(bytes(len(content) - len(kept)) + kept)
    for read in (lambda: list(whole.documents()), lambda: facets([whole])):
        with pytest.raises(CollectionError, match=r"documents\.parquet is damaged \(.*`xsearch verify`"):
            read()
