"""Where modules are looked for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.modules import tiny_module
from xsearch.encoder import Encoder, available_modules, encoder, encoder_for, find_module
from xsearch.errors import LanguageError, ModuleError


def test_folders_of_the_environment_come_before_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tiny_module(tmp_path / "first", "en")
    second = tiny_module(tmp_path / "second", "en", seed=1)
    other = tiny_module(tmp_path / "second", "yy")
    monkeypatch.setenv("XSEARCH_MODULES", f"{tmp_path / 'first'}{os.pathsep}{tmp_path / 'second'}")

    assert available_modules()["en"] == first.path
    assert find_module("yy").path == other.path
    assert find_module(second.path).content_hash == second.content_hash


def test_a_folder_without_a_module_is_not_a_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zz").mkdir()
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path))

    assert "zz" not in available_modules()
    with pytest.raises(LanguageError, match="XSEARCH_MODULES"):
        Encoder("zz")
    with pytest.raises(ModuleError, match=r"no file config\.json"):
        Encoder(tmp_path / "zz")


def test_a_base_is_found_beside_its_module_wherever_both_are_moved(tmp_path: Path) -> None:
    base = tiny_module(tmp_path / "here", "en", adapter=False, lora=False)
    before = Encoder(tiny_module(tmp_path / "here", "xx", base=base).path).encode(["cat"])
    shutil.move(tmp_path / "here", tmp_path / "there")

    assert (Encoder(tmp_path / "there" / "xx").encode(["cat"]) == before).all()


def test_a_base_is_found_beside_its_module_where_both_are_links(tmp_path: Path) -> None:
    base = tiny_module(tmp_path / "stored", "en", adapter=False, lora=False)
    module = tiny_module(tmp_path / "stored", "xx", base=base)
    (tmp_path / "linked").mkdir()
    for made, name in ((base, "en"), (module, "xx")):
        version = made.path.rename(made.path.with_name(f"{name}-1"))
        (tmp_path / "linked" / name).symlink_to(version)

    assert len(Encoder(tmp_path / "linked" / "xx").encode(["cat"])) == 1


def test_a_module_whose_base_has_other_sizes_is_refused(tmp_path: Path) -> None:
    base = tiny_module(tmp_path, "en", adapter=False, lora=False)
    module = tiny_module(tmp_path, "xx", base=base, layers=1)

    with pytest.raises(ModuleError, match="layers is 1, its base has 2"):
        Encoder(module.path).encode(["cat"])


def test_a_process_has_one_encoder_for_a_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_module(tmp_path, "xx")
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path))
    monkeypatch.setattr(encoder, "_encoders", {})

    assert encoder_for("xx") is encoder_for("xx")
