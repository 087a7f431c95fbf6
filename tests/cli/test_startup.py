"""What a start costs: nothing that the command does not need is imported."""

import json
import resource
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "pandas",
    "duckdb",
    "rich",
    "streamlit",
    "py3langid",
    "scipy",
    "starlette",
    "uvicorn",
    "ray",
)
RUNTIMES = ("numpy", "pyarrow", "onnxruntime", "faiss", "tokenizers", "click")

REPORT = """
import json, sys
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def imported(code, *arguments):
    """The top-level packages that a fresh interpreter has imported after running some code."""
    command = [sys.executable, "-c", f"{code}\n{REPORT}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_the_package_imports_no_runtime():
    assert not imported("import xsearch") & {*HEAVY, *RUNTIMES}


def test_public_names_are_found_on_use():
    assert "numpy" in imported(
        "import xsearch; xsearch.Encoder; xsearch.Collection; xsearch.score_options; dir(xsearch)"
    )


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(subprocess.CalledProcessError):
        imported("import xsearch; xsearch.nothing")


CLI = "from xsearch.cli.main import cli; import sys; cli(sys.argv[1:], standalone_mode=False)"


def test_help_imports_click_alone():
    assert imported(CLI, "--help") & {*HEAVY, *RUNTIMES} == {"click"}


def test_a_query_imports_nothing_that_it_does_not_need(news):
    found = imported(CLI, "query", "kissa", "--lang", "fi", "--format", "json")
    assert not found & set(HEAVY)


def test_a_filter_is_what_brings_in_duckdb_and_detection_the_detector(news):
    arguments = ("query", "who is the old dog", "--lang", "auto", "--where", "year > 2020")
    assert imported(CLI, *arguments) & set(HEAVY) == {"duckdb", "py3langid"}


def cpu_seconds(*command):
    """CPU time of a process, the least of several runs."""
    least = float("inf")
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least


def test_help_costs_little_more_than_importing_click():
    assert cpu_seconds("-m", "xsearch.cli", "--help") < 1.5 * cpu_seconds("-c", "import click") + 0.01
