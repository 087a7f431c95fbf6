import pytest

from train.sources import UNKNOWN, licence_of


@pytest.mark.parametrize(
    ("source", "licence"),
    [
        ("tatoeba-pivot", "CC BY 2.0 FR"),
        ("progit2", "CC BY-NC-SA 3.0"),
        ("stsb-train-mt>=4", "that of the STS benchmark"),
        ("aau-spiritual", "none stated"),
        ("scratch-l10n", "AGPL-3.0"),
        ("my-own-file", UNKNOWN),
        ("source", UNKNOWN),  # the table's own header
    ],
)
def test_a_source_has_the_licence_that_the_table_states(source, licence):
    assert licence_of(source) == licence
