import subprocess
import sys

import pytest

from tests.cli.conftest import refusal
from xsearch.cli import ui as ui_module


@pytest.fixture
def executed(monkeypatch):
    """What would replace the process."""
    calls = []
    monkeypatch.setattr(ui_module.os, "execve", lambda path, arguments, environment: calls.append(arguments))
    return calls


def test_the_page_is_run_by_streamlit_on_this_machine_alone(run, executed, monkeypatch, tmp_path):
    page = tmp_path / "main.py"
    page.write_text("")
    monkeypatch.setattr(ui_module, "_PAGES", (page,))
    monkeypatch.setattr(ui_module, "find_spec", lambda name: object())
    result = run("ui", "--port", "9000")
    assert result.exit_code == 0
    assert executed[0][:6] == [sys.executable, "-P", "-m", "streamlit", "run", str(page)]
    assert executed[0][executed[0].index("--server.address") + 1] == "127.0.0.1"
    assert "http://127.0.0.1:9000" in result.stderr


def test_no_module_of_the_current_folder_runs_in_place_of_streamlit(run, executed, tmp_path):
    pytest.importorskip("streamlit")
    (tmp_path / "streamlit.py").write_text("raise SystemExit('taken')")
    run("ui")
    command = executed[0][: executed[0].index("run")]
    version = subprocess.run([*command, "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert version.stdout.startswith("Streamlit, version")


def test_without_streamlit_the_error_says_what_to_install(run, executed, monkeypatch):
    monkeypatch.setattr(ui_module, "find_spec", lambda name: None)
    assert "pip install 'xsearch[app]'" in refusal(run("ui"))
    assert executed == []
