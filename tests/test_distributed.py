"""Encoding on a real Ray cluster, of this machine alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.modules import tiny_module
from tests.stored import FakeCorpus, contents
from xsearch.collection import Collection
from xsearch.distributed import RayEngine, _options, _place, _Task
from xsearch.encoder import encoder
from xsearch.errors import DeviceError, EngineError, LanguageError, MissingExtraError, ModuleError
from xsearch.search import index_corpus

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(
        num_cpus=2,
        object_store_memory=80 << 20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


def make_modules(folder, seed=0):
    english = tiny_module(folder, "en", adapter=False, lora=False)
    tiny_module(folder, "fi", base=english, seed=seed)
    return folder


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return make_modules(tmp_path_factory.mktemp("modules"))


@pytest.fixture(autouse=True)
def installed(monkeypatch, modules):
    monkeypatch.setenv("XSEARCH_MODULES", str(modules))
    monkeypatch.setattr(encoder, "_encoders", {})


def files(path):
    """The checksum of every document and vector file, in order."""
    return [
        {Path(file.path).name: file.sha256 for file in segment.files}
        for segment in Collection.open(path).manifest.segments
    ]


def test_a_collection_is_the_same_bit_for_bit_as_with_the_local_engine(tmp_path):
    corpus = FakeCorpus(5000, langs=["fi", "en", "fi"])
    index_corpus(corpus, tmp_path / "local", spaces="both", commit_every=2000)
    with RayEngine() as engine:
        report = index_corpus(corpus, tmp_path / "ray", spaces="both", commit_every=2000, engine=engine)
    assert report.collection_size == 5000
    assert len(files(tmp_path / "ray")) > 1
    assert files(tmp_path / "ray") == files(tmp_path / "local")


def test_what_one_engine_began_another_finishes(tmp_path):
    path = tmp_path / "c"
    broken = FakeCorpus(5000, error=RuntimeError("stop"), bad_after=3072)
    with RayEngine() as engine, pytest.raises(RuntimeError, match="stop"):
        index_corpus(broken, path, lang="fi", commit_every=2000, engine=engine)
    assert index_corpus(FakeCorpus(5000), path, lang="fi", commit_every=2000).resumed == 2048
    index_corpus(FakeCorpus(5000), tmp_path / "whole", lang="fi", commit_every=2000)
    assert files(path) == files(tmp_path / "whole")


def test_workers_that_are_killed_are_replaced(tmp_path):
    killed = []

    def kill(progress):
        if progress.stage == "encode" and progress.done in (2048, 8192):
            for worker in workers():
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)

    corpus = FakeCorpus(20_000)
    with RayEngine() as engine:
        index_corpus(corpus, tmp_path / "ray", lang="fi", progress=kill, engine=engine)
    assert killed
    index_corpus(corpus, tmp_path / "local", lang="fi")
    assert files(tmp_path / "ray") == files(tmp_path / "local")


def workers():
    """The processes of this cluster that encode, or wait for something to encode."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                title = (folder / "cmdline").read_bytes()
                own = parent(parent(int(folder.name))) == os.getpid()
            except OSError:
                continue  # it has ended meanwhile
            if own and title.startswith((b"ray::_encode", b"ray::IDLE")):
                found.append(int(folder.name))
    return found


def parent(process):
    status = Path(f"/proc/{process}/stat").read_text() if process else ") S 0"
    return int(status.rpartition(")")[2].split()[1])


def test_a_worker_that_dies_again_and_again_is_one_error_that_says_how_to_go_on():
    @ray.remote(max_retries=0)
    def dies():
        os._exit(1)

    with (
        RayEngine() as engine,
        pytest.raises(EngineError, match=r"WorkerCrashedError.*the same command") as error,
    ):
        _Task(engine, dies.remote()).result()
    assert "\n" not in str(error.value)


def test_any_failure_of_a_worker_is_one_line():
    @ray.remote
    def fails():
        raise ValueError("first line\nsecond line")

    with RayEngine() as engine, pytest.raises(EngineError, match=r"ValueError: first line\. What"):
        _Task(engine, fails.remote()).result()


def test_workers_with_another_module_are_refused(tmp_path, monkeypatch):
    folder = make_modules(tmp_path / "modules")
    monkeypatch.setenv("XSEARCH_MODULES", str(folder))
    with RayEngine() as engine:
        encoder.encoder_for("fi")
        shutil.rmtree(folder / "fi")
        make_modules(folder, seed=1)
        with pytest.raises(ModuleError, match="on a Ray worker: the fi module here"):
            index_corpus(FakeCorpus(100), tmp_path / "c", lang="fi", engine=engine)
    assert not (tmp_path / "c").exists()


def test_workers_without_the_module_say_so(tmp_path, monkeypatch):
    folder = tmp_path / "modules"
    english = tiny_module(folder, "en", adapter=False, lora=False)
    tiny_module(folder, "hu", base=english)
    monkeypatch.setenv("XSEARCH_MODULES", str(folder))
    with RayEngine() as engine:
        encoder.encoder_for("hu")
        shutil.rmtree(folder / "hu")
        with pytest.raises(LanguageError, match="on a Ray worker: no module is installed"):
            index_corpus(FakeCorpus(100), tmp_path / "c", lang="hu", engine=engine)


def test_who_stops_leaves_nothing_running(tmp_path):
    class Interrupted(FakeCorpus):
        def batches(self, size=1024):
            yield from super().batches(size)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), RayEngine() as engine:
        index_corpus(Interrupted(3000), tmp_path / "c", lang="fi", engine=engine)
    assert not (tmp_path / "c").exists()
    with RayEngine() as engine:
        assert index_corpus(FakeCorpus(100), tmp_path / "c", lang="fi", engine=engine).collection_size == 100


def test_a_gpu_is_used_where_it_is_asked_for_and_there():
    assert _place("cpu", {"CPU": 8.0, "GPU": 2.0}) == ("cpu", 8)
    assert _place("cuda", {"CPU": 8.0, "GPU": 2.0}) == ("cuda", 2)
    assert _place("auto", {"CPU": 8.0, "GPU": 2.0}) == ("cuda", 2)
    assert _place("auto", {"CPU": 8.0}) == ("cpu", 8)
    assert _options("cuda")["num_gpus"] == 1
    with pytest.raises(DeviceError, match="the Ray cluster has no GPU"):
        RayEngine("cuda").__enter__()
    with pytest.raises(DeviceError, match="no device 'tpu'"):
        RayEngine("tpu")
    with pytest.raises(EngineError, match="no cores"):
        _place("cpu", {})


def test_workers_find_modules_whatever_their_working_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XSEARCH_MODULES", f"a{os.pathsep}/b")
    assert _options("cpu")["runtime_env"]["env_vars"]["XSEARCH_MODULES"] == f"{tmp_path}/a{os.pathsep}/b"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "RAY_ADDRESS is 'nonsense'; expected HOST:PORT"),
        ("127.0.0.1:1", r"no Ray cluster answers at 127\.0\.0\.1:1 \(RAY_ADDRESS\)"),
        ("ray://127.0.0.1:1", "no Ray cluster answers at ray://"),
        ("127.0.0.1:99999", "no Ray cluster answers at"),
    ],
)
def test_a_cluster_that_is_not_there_is_told_at_once(monkeypatch, address, message):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(EngineError, match=message):
        RayEngine()._connect()


def test_without_ray_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'xsearch\[distributed\]'"):
        RayEngine()


def test_the_command_starts_a_cluster_of_its_own_and_keeps_it_off_stdout(tmp_path):
    rows = "".join(json.dumps({"id": str(n), "text": f"kissa {n}"}) + "\n" for n in range(1500))
    (tmp_path / "news.jsonl").write_text(rows)
    command = [Path(sys.executable).with_name("xsearch"), "index", "news.jsonl", "--lang", "fi"]
    done = subprocess.run(
        [*command, "--engine", "ray", "--store", "store"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "Indexed 1,500 documents into news" in done.stderr
    assert len(contents(Collection.open(tmp_path / "store" / "news"))) == 1500
