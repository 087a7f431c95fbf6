import json
import shutil


def test_every_installed_module_is_described(run):
    shown = run("langs").stdout
    assert "English" in shown
    assert "Finnish" in shown
    described = {
        module["code"]: module
        for module in map(json.loads, run("langs", "--format", "json").stdout.splitlines())
    }
    assert described["fi"]["dimension"] == 32
    assert described["fi"]["spaces"] == ["native", "shared"]


def test_scores_are_shown_as_the_module_states_them(run, tmp_path, modules_folder, monkeypatch):
    shutil.copytree(modules_folder, tmp_path / "modules")
    config = tmp_path / "modules" / "fi" / "config.json"
    stated = json.loads(config.read_text()) | {"scores": {"tatoeba": {"fi-en": 94.25}, "note": "dev"}}
    config.write_text(json.dumps(stated))
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path / "modules"))
    assert "tatoeba.fi-en 94.2" in run("langs").stdout


def test_public_tests_are_shown_first_and_otherwise_the_last_step(run, tmp_path, modules_folder, monkeypatch):
    shutil.copytree(modules_folder, tmp_path / "modules")
    config = tmp_path / "modules" / "fi" / "config.json"
    dev = {"vocabulary (native)": {"earlier": 80.0}, "alignment (shared)": {"short": 90.0}}
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path / "modules"))
    for scores, line in (
        ({"dev": dev}, "dev short 90.0"),
        ({"dev": dev, "public_test": {"Tatoeba fi-en": 94.0}}, "Tatoeba fi-en 94.0"),
    ):
        config.write_text(json.dumps(json.loads(config.read_text()) | {"scores": scores}))
        shown = run("langs").stdout
        assert line in shown
        assert "earlier" not in shown


def test_a_damaged_module_is_left_out_with_a_notice(run, tmp_path, modules_folder, monkeypatch):
    shutil.copytree(modules_folder, tmp_path / "modules")
    (tmp_path / "modules" / "fi" / "config.json").write_text("{")
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path / "modules"))
    result = run("langs")
    assert result.exit_code == 0
    assert "Leaving out fi" in result.stderr
    assert "English" in result.stdout
