"""Encoding on a Ray cluster: `xsearch index --engine ray`, with the extra `distributed`.

Every batch of documents is a task for one core or one GPU. Texts and vectors travel through Ray's object store, modules
do not: every node has xsearch and the same modules, XSEARCH_MODULES naming the same folders, which is checked. Vectors
are stored in the order of the corpus by the process that reads it, so a collection is the same as from one machine.
"""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from functools import cache, partial
from importlib.util import find_spec
from typing import Any, NoReturn, Self

from xsearch.encoder import encoder_for
from xsearch.encoder.devices import DEVICES
from xsearch.errors import DeviceError, EngineError, MissingExtraError, ModuleError, XsearchError
from xsearch.search.engine import LocalEngine, Pending, Vectors

_FOLDERS = ("XSEARCH_MODULES", "XSEARCH_CACHE")
_PATIENCE = 5.0


class RayEngine:
    """Encodes on the cluster of this process, or the one that RAY_ADDRESS or Ray's own record names, or a new one here.

    A context manager: entering connects or starts, leaving drops what has not been encoded and disconnects. With the
    device `auto`, a cluster with GPUs uses them alone, provided that torch is installed here as it must be there.

    Raises:
        MissingExtraError: Ray is not installed.
        EngineError: no cluster answers, or it has no cores.
        DeviceError: an unknown device, or "cuda" on a cluster without GPUs.
    """

    def __init__(self, device: str = "auto") -> None:
        try:
            import ray
        except ImportError:
            raise MissingExtraError(
                "the ray engine needs Ray; install it with: pip install 'xsearch[distributed]'"
            ) from None
        if device not in DEVICES:
            raise DeviceError(f"there is no device {device!r}; choose one of {', '.join(DEVICES)}")
        self._ray: Any = ray
        self._asked = device
        self._running: set[Any] = set()
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._ray.is_initialized():
                stack.callback(self._cancel)
            else:
                stack.enter_context(redirect_stdout(sys.stderr))  # where Ray tells of workers that died
                stack.callback(self._ray.shutdown)
                self._connect()
            self._device, slots = _place(self._asked, self._ray.cluster_resources())
            self.ahead = 2 * slots
            self._encode = self._ray.remote(_encode).options(**_options(self._device))
            self._resources = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._resources.close()

    def start(self, texts: Sequence[str], langs: Sequence[str], spaces: Sequence[str]) -> Pending[Vectors]:
        """See `Engine`; raises EngineError from `result` when workers fail for good."""
        modules = {language: encoder_for(language).content_hash for language in dict.fromkeys(langs)}
        reference = self._encode.remote(texts, langs, spaces, modules, self._device)
        self._running.add(reference)
        return _Task(self, reference)

    def fetch(self, reference: Any) -> Vectors:
        """The result of a task, waited for."""
        self._running.discard(reference)
        try:
            vectors: Vectors = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            _explain(error)
        return vectors

    def _cancel(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference)

    def _connect(self) -> None:
        _check_address(os.environ.get("RAY_ADDRESS", ""))
        try:
            self._ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        except (OSError, RuntimeError, ValueError) as error:
            raise EngineError(
                f"Ray cannot be started or reached: {error}; check RAY_ADDRESS, or unset it to use this machine"
            ) from error


class _Task:
    def __init__(self, engine: RayEngine, reference: Any) -> None:
        self._engine, self._reference = engine, reference

    def result(self) -> Vectors:
        return self._engine.fetch(self._reference)


def _encode(
    texts: Sequence[str],
    langs: Sequence[str],
    spaces: Sequence[str],
    modules: Mapping[str, str],
    device: str,
) -> Vectors:
    """What a worker does with a batch; `modules` has the content hash that each language's module should have."""
    for language, expected in modules.items():
        found = encoder_for(language, device=device).content_hash
        if found != expected:
            raise ModuleError(
                f"the {language} module here has content hash {found[:12]}, that of the process which asks "
                f"{expected[:12]}; install the same modules on every node"
            )
    return _local_engine(device).start(texts, langs, spaces).result()


@cache
def _local_engine(device: str) -> LocalEngine:
    """The worker's own, kept for its next batch; a GPU computes one part of it while another is on its way."""
    return LocalEngine(partial(encoder_for, device=device), threads=2 if device == "cuda" else 1)


def _place(asked: str, cluster: Mapping[str, float]) -> tuple[str, int]:
    """The device to encode on, and how many batches the cluster can encode at a time."""
    cores, gpus = int(cluster.get("CPU", 0)), int(cluster.get("GPU", 0))
    if asked == "cuda" and not gpus:
        raise DeviceError("device cuda was asked for, but the Ray cluster has no GPU; use --device cpu")
    if not cores:
        raise EngineError(
            "the Ray cluster has no cores to encode on; add a node, or wait until one has joined"
        )
    if asked == "cuda" or (asked == "auto" and gpus and find_spec("torch")):
        return "cuda", gpus
    return "cpu", cores


def _options(device: str) -> dict[str, Any]:
    """What Ray is told about a task."""
    folders = {name: os.environ[name] for name in _FOLDERS if os.environ.get(name)}
    absolute = {
        name: os.pathsep.join(os.path.abspath(path) for path in folder.split(os.pathsep) if path)  # noqa: PTH100
        for name, folder in folders.items()
    }
    if device == "cuda":
        return {"num_gpus": 1, "runtime_env": {"env_vars": absolute}}
    # the tokenizer would take all cores of a node, where each task is to have one
    return {"num_cpus": 1, "runtime_env": {"env_vars": {"TOKENIZERS_PARALLELISM": "false"} | absolute}}


def _check_address(address: str) -> None:
    """Ray itself notices only after minutes that nobody answers."""
    if address in ("", "auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise EngineError(
            f"RAY_ADDRESS is {address!r}; expected HOST:PORT, as `ray start --head` prints it, auto or local"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise EngineError(
            f"no Ray cluster answers at {address} (RAY_ADDRESS): {error}; start one there with `ray start --head`, "
            "or unset RAY_ADDRESS to use this machine"
        ) from error


def _explain(error: Any) -> NoReturn:
    """Raise what a person can do something about in place of a traceback from another machine."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, XsearchError):
        raise type(cause)(f"on a Ray worker: {cause}") from error
    first = str(cause or error).strip().partition("\n")[0].rstrip(".")
    raise EngineError(
        f"a Ray worker failed: {type(cause or error).__name__}: {first}. What was committed stays, and the same "
        "command goes on from there; every node needs the same xsearch, modules and enough memory"
    ) from error
