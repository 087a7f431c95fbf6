"""The group: what help says, what is loaded, what becomes of errors."""

import errno
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli.conftest import refusal
from xsearch import __version__
from xsearch.cli.main import COMMANDS, cli
from xsearch.errors import CollectionError


def test_help_lists_every_command_without_importing_any(run, monkeypatch):
    monkeypatch.setattr("xsearch.cli.main.importlib.import_module", None)
    result = run("--help")
    assert result.exit_code == 0
    for name, entry in COMMANDS.items():
        assert f"  {name}" in result.stdout
        assert entry.help in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says_and_says_the_same_of_itself(name, run):
    command = cli.get_command(click.Context(cli), name)
    assert command.get_short_help_str(200).rstrip(".") in (
        COMMANDS[name].help.rstrip("."),
        command.help.splitlines()[0].rstrip("."),
    )
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: cli {name}" in result.stdout


def test_an_unknown_command_is_a_usage_error(run):
    assert "No such command 'qurey'" in run("qurey").stderr
    assert run("qurey").exit_code == 2


def test_version(run):
    assert __version__ in run("--version").stdout


@pytest.fixture
def failing(monkeypatch):
    """Makes ``xsearch list`` raise."""

    def arrange(error):
        @click.command("list")
        def command():
            raise error

        monkeypatch.setattr("xsearch.cli.manage.list_collections", command)

    return arrange


def test_an_error_of_ours_is_one_printable_line(run, failing):
    failing(CollectionError("no collection\n'\x1b[31mx\x1b[0m'"))
    assert refusal(run("list")) == "no collection '�[31mx�[0m'"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOSPC, "free some space"), (errno.EACCES, "another place"), (errno.EROFS, "another place")],
)
def test_a_full_disk_and_the_like_are_one_line_with_the_file_and_a_remedy(run, failing, code, remedy):
    failing(OSError(code, "No luck", "indexes/x"))
    assert refusal(run("list")).startswith("indexes/x: No luck; ")
    assert remedy in run("list").stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["list", "--help"]])
def test_a_full_disk_below_what_help_is_written_to_is_one_line(arguments):
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "xsearch.cli", *arguments], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("Error: No space left on device")


def test_running_out_of_memory_is_one_line(run, failing):
    failing(MemoryError())
    assert refusal(run("list")).startswith("out of memory")


def test_ctrl_c_ends_without_a_traceback(run, failing):
    failing(KeyboardInterrupt())
    result = run("list")
    assert (result.exit_code, result.stderr) == (130, "\nInterrupted.\n")


def test_a_reader_that_closes_the_pipe_ends_it_quietly(news, write):
    queries = write("queries.txt", "kissa\n" * 3000)
    command = [
        sys.executable,
        "-m",
        "xsearch.cli",
        "query",
        "--file",
        str(queries),
        "--lang",
        "fi",
        "--format",
        "jsonl",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith('{"query": "kissa"')
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 1
