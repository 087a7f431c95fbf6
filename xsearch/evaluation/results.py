"""What was measured, and the JSON file that keeps it.

Beside `RESULTS.json` lies `RESULTS.items.parquet` with the value of every single item, from which two runs
are compared pair by pair.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xsearch.errors import EvaluationError
from xsearch.evaluation.datasets import Provenance
from xsearch.evaluation.metrics import Interval
from xsearch.output_file import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

FORMAT = 1


@dataclass(frozen=True)
class Items:
    """The items behind a score: cosines with gold scores, or figures that the score is the mean of.

    `lengths` are characters.
    """

    values: NDArray[np.float64]
    lengths: NDArray[np.int64]
    gold: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class LengthScore:
    """The main metric on the items of one range of lengths."""

    characters: str
    count: int
    value: float


@dataclass(frozen=True)
class Label:
    """What a score is of: a set, the languages of its sides, and the space they were compared in."""

    task: str
    dataset: str
    split: str
    subset: str
    langs: tuple[str, ...]
    space: str
    variant: str = ""


@dataclass(frozen=True)
class Score:
    """The metrics (0 to 1, correlations -1 to 1) of a set, with a 95 % interval of the main one."""

    label: Label
    count: int
    main: str
    metrics: Mapping[str, float]
    interval: Interval | None
    by_length: Sequence[LengthScore]
    provenance: Provenance
    items: Items | None = field(default=None, repr=False)

    @property
    def value(self) -> float:
        """The main metric."""
        return self.metrics[self.main]


@dataclass(frozen=True)
class Results:
    """All scores of one run and what they were made with."""

    encoder: str
    content_hashes: Mapping[str, str]
    date: str
    command: str
    version: str
    seed: int
    limit: int | None
    scores: Sequence[Score]
    notices: Sequence[str] = ()


def to_json(results: Results) -> dict[str, Any]:
    """The results as they stand in the file, without the items."""
    content = {name: value for name, value in vars(results).items() if name != "scores"}
    return {"format": FORMAT, **content, "scores": [_score_json(score) for score in results.scores]}


def items_path(path: Path) -> Path:
    """Where the items of a results file lie."""
    return path.with_name(path.stem + ".items.parquet")


def write_results(results: Results, path: Path) -> None:
    """Writes `path` and the items beside it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = to_json(results)
    tables = [
        _items_table(number, score.items)
        for number, score in enumerate(results.scores)
        if score.items is not None
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    if tables:
        with replacing(items_path(path)) as file:
            pq.write_table(pa.concat_tables(tables), file, compression="zstd")
        content["items_checksum"] = _sha256(items_path(path))
    with replacing(path) as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n")


def read_results(path: Path, *, items: bool = False) -> Results:
    """Reads what `write_results` wrote; the items too where they are asked for.

    Raises:
        EvaluationError: the file is missing, of another format or version, or its items are not the ones it
            was written with.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluationError(
            f"{path} is not a results file: {error}; write one with `xsearch eval ... -o`"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise EvaluationError(
            f"{path} is not a results file of format {FORMAT}; measure again with this version"
        )
    try:
        scores = [_score_from(score) for score in content["scores"]]
        if items:
            scores = _with_items(scores, path, content.get("items_checksum"))
        return Results(
            encoder=str(content["encoder"]),
            content_hashes={str(lang): str(value) for lang, value in content["content_hashes"].items()},
            date=str(content["date"]),
            command=str(content["command"]),
            version=str(content["version"]),
            seed=int(content["seed"]),
            limit=content["limit"],
            scores=scores,
            notices=tuple(content["notices"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise EvaluationError(f"{path} is damaged ({error!r}); measure again") from error


def _score_json(score: Score) -> dict[str, Any]:
    content = {
        name: value
        for name, value in asdict(replace(score, items=None)).items()
        if name not in ("label", "items")
    }
    return {**asdict(score.label), **content}


def _score_from(content: dict[str, Any]) -> Score:
    texts = {name: str(content[name]) for name in ("task", "dataset", "split", "subset", "space", "variant")}
    source = content["provenance"]
    metrics = {str(name): float(value) for name, value in content["metrics"].items()}
    if (main := str(content["main"])) not in metrics:
        raise ValueError(f"no metric {main}")
    return Score(
        label=Label(langs=tuple(map(str, content["langs"])), **texts),
        count=int(content["count"]),
        main=main,
        metrics=metrics,
        interval=Interval(*map(float, content["interval"])) if content["interval"] else None,
        by_length=[
            LengthScore(str(part["characters"]), int(part["count"]), float(part["value"]))
            for part in content["by_length"]
        ],
        provenance=Provenance(
            tuple(map(str, source["files"])),
            str(source["checksum"]),
            int(source["skipped"]),
            str(source["note"]),
        ),
    )


def _items_table(number: int, items: Items) -> pa.Table:
    import pyarrow as pa

    count = len(items.values)
    gold = pa.nulls(count, pa.float64()) if items.gold is None else pa.array(items.gold, type=pa.float64())
    return pa.table(
        {
            "score": pa.array(np.full(count, number, dtype=np.int32)),
            "value": pa.array(items.values, type=pa.float64()),
            "gold": gold,
            "length": pa.array(items.lengths, type=pa.int64()),
        }
    )


def _with_items(scores: list[Score], path: Path, checksum: str | None) -> list[Score]:
    import pyarrow.parquet as pq

    beside = items_path(path)
    if not beside.is_file():
        raise EvaluationError(
            f"{beside} is missing; comparing needs the items that were written beside {path.name}"
        )
    if _sha256(beside) != checksum:
        raise EvaluationError(f"{beside} is not the file that {path.name} was written with; measure again")
    table = pq.read_table(beside)
    number, value, length = (table[name].to_numpy() for name in ("score", "value", "length"))
    gold = table["gold"].to_numpy(zero_copy_only=False).astype(np.float64)
    complete = []
    for index, score in enumerate(scores):
        rows = number == index
        own_gold = None if np.isnan(gold[rows]).any() else gold[rows]
        complete.append(replace(score, items=Items(value[rows], length[rows], own_gold)))
    return complete


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
