import pytest
import torch
from click.testing import CliRunner

from tests.train.conftest import changed
from train import beginning
from train.beginning import find_beginning, write_beginning
from train.export import export_module
from train.pipeline import Pipeline
from train.recipe import Lora
from xsearch.encoder import load_module
from xsearch.encoder.weights import lora_updates
from xsearch.errors import ModuleError, XsearchError


@pytest.fixture
def module(trained, modules):
    return export_module(*trained, modules / "fi")


@pytest.fixture
def file(module, tmp_path):
    """The beginning made of the toy language alone."""
    write_beginning([module], tmp_path / "beginning.safetensors")
    return tmp_path / "beginning.safetensors"


def test_it_is_the_mean_of_the_modules_updates(module, base, file, tmp_path):
    found = find_beginning(Lora(), base.content_hash, file)
    for path, update in lora_updates(module):
        torch.testing.assert_close(found.updates[path], torch.from_numpy(update), rtol=0.01, atol=1e-4)
    twice = tmp_path / "twice.safetensors"
    write_beginning([module, module], twice)
    again = find_beginning(Lora(), base.content_hash, twice)
    for path, update in found.updates.items():
        torch.testing.assert_close(again.updates[path], update, rtol=0.01, atol=1e-4)


def test_a_training_begins_there_unless_the_recipe_says_zero(
    toy_data, base, file, module, tmp_path, monkeypatch
):
    monkeypatch.setattr(beginning, "FILE", file)
    wanted = dict(lora_updates(module))
    for start in ("mean", "zero"):
        recipe = changed("lora", start=start)
        run = Pipeline(toy_data, recipe, base, tmp_path / start, tmp_path / "cache").run("vocabulary")
        for path, low_rank in run.student.low_rank.items():
            expected = torch.from_numpy(wanted[path]) * (start == "mean")
            torch.testing.assert_close(low_rank.update().detach(), expected, rtol=0.01, atol=1e-3)


def test_another_beginning_is_another_training(toy_data, base, file, module, tmp_path, monkeypatch):
    """The result of a step that began elsewhere is not taken for this one's."""
    recipe = changed("lora", start="mean")

    def trained_batches() -> int:
        folder = tmp_path / "run"
        Pipeline(toy_data, recipe, base, folder, tmp_path / "cache").run()
        return sum("progress" in line for line in (folder / "log.jsonl").read_text().splitlines())

    first = trained_batches()
    assert trained_batches() == first
    monkeypatch.setattr(beginning, "FILE", file)
    assert trained_batches() > first


def test_the_recipe_of_a_module_says_where_it_really_began(toy_data, base, file, tmp_path, monkeypatch):
    recipe = changed("lora", start="mean")
    for where, said in ((file, "mean"), (tmp_path / "none", "zero")):
        monkeypatch.setattr(beginning, "FILE", where)
        assert Pipeline(toy_data, recipe, base, tmp_path / said, tmp_path / "cache").recipe.lora.start == said


def test_another_base_or_no_lora_begins_at_zero(base, file):
    assert find_beginning(Lora(), "0" * 64, file) is None
    assert find_beginning(Lora(rank=0), base.content_hash, file) is None
    assert find_beginning(Lora(), base.content_hash, file.with_name("none")) is None


def test_a_broken_file_is_named(base, file):
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(XsearchError, match=r"beginning\.safetensors cannot be read .* restore it"):
        find_beginning(Lora(), base.content_hash, file)


def test_a_module_without_updates_has_no_part_in_it(modules, module, tmp_path):
    with pytest.raises(ModuleError, match="different bases"):
        write_beginning([module, load_module(modules / "en")], tmp_path / "file")
    with pytest.raises(ModuleError, match="no LoRA updates"):
        write_beginning([load_module(modules / "en")], tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_the_shipped_one_was_made_for_the_shipped_base(monkeypatch):
    monkeypatch.delenv("XSEARCH_MODULES")
    from xsearch.encoder import find_module

    found = find_beginning(Lora(), find_module("en").content_hash)
    assert found is not None
    assert len(found.updates) == 36


def test_a_module_that_is_not_there_is_a_users_mistake(tmp_path):
    result = CliRunner().invoke(beginning.main, ["xx-none", "-o", str(tmp_path / "file")])
    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    assert not (tmp_path / "file").exists()


def test_a_folder_that_takes_no_file_is_a_users_mistake(module, tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(XsearchError, match=r"cannot be written"):
        write_beginning([module], tmp_path / "file" / "beginning.safetensors")
