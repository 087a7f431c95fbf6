"""How a training's commands end where they cannot go on."""

import resource
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from tests.train.test_pipeline import SMALL, train
from train import results


@contextmanager
def files_of_at_most(size):
    """The nearest that there is to a full disk without one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("size", [50, 3000, 12_000])  # the log, the tokenizer, the table
def test_a_full_disk_ends_in_one_line_and_what_is_written_is_not_taken_for_whole(
    tmp_path, modules, data_folder, toy_data, size
):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(SMALL)
    with files_of_at_most(size):
        result = train(recipe, modules, data_folder, tmp_path)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.exception
    last = result.output.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "File too large" in last
    assert "free some space" in last
    again = train(recipe, modules, data_folder, tmp_path, "--stage", "vocabulary")
    assert again.exit_code == 0, again.output


def test_an_output_that_cannot_be_written_is_said_in_one_line(tmp_path):
    path = tmp_path / "missing" / "RESULTS.md"
    found = CliRunner().invoke(
        results.main, ["--runs", str(tmp_path), "--modules", str(tmp_path), "-o", str(path)]
    )
    assert found.exit_code == 1
    assert found.output.startswith(f"Error: cannot write {path}: there is no directory")
    assert found.output.count("\n") == 1
