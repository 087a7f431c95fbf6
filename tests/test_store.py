"""Names of collections."""

import unicodedata

import pytest

from xsearch.errors import CollectionError
from xsearch.store import collection_path, existing_path, name_for


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", ".a", "a\n", "a" * 101, "\u3042" * 74])
def test_a_name_that_no_folder_of_the_store_can_have_is_refused(tmp_path, name):
    for path in (collection_path, existing_path):
        with pytest.raises(CollectionError, match="is no collection name"):
            path(tmp_path, name)


@pytest.mark.parametrize("name", ["a" * 100, "\u3042" * 73])
def test_the_longest_names_make_folders(tmp_path, name):
    collection_path(tmp_path, name).with_name(f".{name}.{'0' * 32}").mkdir()


def test_a_long_file_name_is_cut_to_a_name(tmp_path):
    file = tmp_path / ("\u3042" * 80 + ".csv")
    assert name_for([str(file)]) == "\u3042" * 73


@pytest.mark.parametrize("name", ["समाचार", "వార్తలు", "e\u0301te\u0301"])
def test_words_of_scripts_with_vowel_signs_are_names(tmp_path, name):
    assert collection_path(tmp_path, name) == tmp_path / name
    assert name_for([str(tmp_path / f"{name} 2.csv")]) == unicodedata.normalize("NFC", f"{name}-2")


def test_a_name_begins_with_no_mark(tmp_path):
    with pytest.raises(CollectionError, match="is no collection name"):
        collection_path(tmp_path, "\u0301a")
