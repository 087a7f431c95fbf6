"""One Markdown report of several runs: the scores beside published ones, language bias, and lengths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from xsearch.evaluation.anchors import Anchors
from xsearch.evaluation.metrics import Interval
from xsearch.evaluation.results import Label, Results, Score
from xsearch.evaluation.retrieval import MIXED

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING = "–"


def render(runs: Sequence[Results], anchors: Anchors | None = None, models: Sequence[str] = ()) -> str:
    """The report as Markdown: scores in hundredths, a column for each run and each of the `models`."""
    parts = ["# Evaluation", *_provenance(runs), "## Scores", _scores(runs, anchors, models)]
    for title, table in (
        ("Parallel text by margin", _margins(runs)),
        ("Language bias in mixed pools", _bias(runs)),
        ("By length of the text", _lengths(runs)),
    ):
        if table:
            parts += [f"## {title}", table]
    return "\n\n".join(parts) + "\n"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; in a cell, vertical bars are escaped and white space is one space."""
    lines = [header, ["---"] * len(header), *rows]
    cells = ([" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def hundredths(value: float) -> str:
    """0.8203 as 82.0."""
    return f"{100 * value:.1f}"


def difference(value: float, interval: Interval) -> str:
    """A difference and its interval: `+1.5 [+0.2, +2.9]`."""
    return f"{100 * value:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"


def _provenance(runs: Sequence[Results]) -> Iterator[str]:
    rows = []
    for run in runs:
        hashes = ", ".join(f"{lang} {value[:12]}" for lang, value in sorted(run.content_hashes.items()))
        limited = f", at most {run.limit} items of each set" if run.limit else ""
        rows.append((run.encoder, hashes, run.date, f"`{run.command}` (seed {run.seed}{limited})"))
    yield markdown_table(("encoder", "content hashes", "date", "command"), rows)
    notices = dict.fromkeys(notice for run in runs for notice in run.notices)
    if notices:
        yield "\n".join(f"- {' '.join(str(notice).split())}" for notice in notices)


def _scores(runs: Sequence[Results], anchors: Anchors | None, models: Sequence[str]) -> str:
    """A row for each set, and for each task and dataset with several of a kind their mean."""
    by_label = _by_label(runs)
    header = ["task", "set", "subset", "space", "n", "metric", *(run.encoder for run in runs), *models]
    rows: list[list[str]] = []
    apart: list[str] = []
    group: list[tuple[list[float | None], str]] = []
    labels = [label for label in by_label if MIXED not in label.subset]
    for position, label in enumerate(labels):
        scores = by_label[label]
        first = next(iter(scores.values()))
        found = [scores.get(index) for index in range(len(runs))]
        ours = [
            score if score and score.provenance.checksum == first.provenance.checksum else None
            for score in found
        ]
        name = f"{label.task} {_set_name(label)} {label.subset} ({label.space})"
        apart += [
            f"{name} of {run.encoder}, {_cell(score, first.count)}"
            for run, score, kept in zip(runs, found, ours, strict=True)
            if score is not None and kept is None
        ]
        beside = anchors.beside(label, first.main) if anchors else {}
        theirs = [beside[model] / 100 if model in beside else None for model in models]
        cells = [NOTHING if score is None else _cell(score, first.count) for score in ours]
        cells += [NOTHING if value is None else hundredths(value) for value in theirs]
        rows.append(
            [label.task, _set_name(label), label.subset, label.space, str(first.count), first.main, *cells]
        )
        group.append(([*(None if score is None else score.value for score in ours), *theirs], first.main))
        following = labels[position + 1] if position + 1 < len(labels) else None
        if following is None or _kind(following) != _kind(label):
            rows += _mean_row(label, group)
            group = []
    table = markdown_table(header, rows)
    if not apart:
        return table
    note = " ".join("; ".join(apart).split())
    return f"{table}\n\nLeft out of their rows, as they were measured on other data: {note}."


def _cell(score: Score, count: int) -> str:
    """The main metric and its interval, and the number of items where it is not `count`, the row's."""
    interval = score.interval
    return (
        hundredths(score.value)
        + (f" [{hundredths(interval.low)}, {hundredths(interval.high)}]" if interval else "")
        + (f" (n={score.count})" if score.count != count else "")
    )


def _mean_row(label: Label, group: Sequence[tuple[Sequence[float | None], str]]) -> list[list[str]]:
    """The means of a group of two or more rows; a column that lacks one of them has none."""
    if len(group) < 2:
        return []
    cells = []
    for column in zip(*(values for values, _ in group), strict=True):
        known = [value for value in column if value is not None]
        cells.append(f"**{hundredths(sum(known) / len(known))}**" if len(known) == len(group) else NOTHING)
    kind = "mean across languages" if _kind(label)[-1] else "mean"
    return [[label.task, _set_name(label), f"**{kind}**", label.space, str(len(group)), group[0][1], *cells]]


def _kind(label: Label) -> tuple[str, str, str, str, str, bool]:
    return (label.task, label.dataset, label.split, label.space, label.variant, len(set(label.langs)) > 1)


def _by_label(runs: Sequence[Results]) -> dict[Label, dict[int, Score]]:
    """Label -> number of the run -> score, in the order of the tasks, single languages before pairs."""
    found: dict[Label, dict[int, Score]] = {}
    for number, run in enumerate(runs):
        for score in run.scores:
            found.setdefault(score.label, {})[number] = score
    return dict(sorted(found.items(), key=lambda entry: _kind(entry[0])))


def _set_name(label: Label) -> str:
    return " ".join(part for part in (label.dataset, label.split, label.variant) if part)


def _margins(runs: Sequence[Results]) -> str:
    rows = [
        (
            _set_name(score.label),
            score.label.subset,
            run.encoder,
            *(_metric(score, name) for name in ("accuracy", "margin_accuracy", "f1", "margin_f1")),
        )
        for run in runs
        for score in run.scores
        if score.label.task == "bitext"
    ]
    header = ("set", "direction", "encoder", "accuracy", "accuracy by margin", "F1", "F1 by margin")
    return markdown_table(header, rows) if rows else ""


def _bias(runs: Sequence[Results]) -> str:
    """Each mixed pool beside the pool of the answer's language alone, as encoded and corrected."""
    rows: list[tuple[str, ...]] = []
    for run in runs:
        by_label = {score.label: score for score in run.scores}
        for label, mixed in by_label.items():
            if MIXED not in label.subset:
                continue
            plain = replace(label, subset=label.subset.split(MIXED)[0])
            alone = by_label.get(plain) or by_label.get(replace(plain, variant=""))
            rows.append(
                (
                    _set_name(replace(label, variant="")),
                    "-".join(label.langs),
                    label.subset.partition(" with ")[2] or label.langs[0],
                    run.encoder,
                    label.variant or "as encoded",
                    *_pair(alone, mixed, "ndcg@10"),
                    *_pair(alone, mixed, "recall@1"),
                    _metric(mixed, "lost"),
                )
            )
    header = (
        "set", "query-answer", "mixed with", "encoder", "vectors", "nDCG@10 alone", "nDCG@10 mixed",
        "recall@1 alone", "recall@1 mixed", "% of answers lost",
    )  # fmt: skip
    return markdown_table(header, sorted(rows)) if rows else ""


def _pair(alone: Score | None, mixed: Score, metric: str) -> tuple[str, str]:
    return (_metric(alone, metric), _metric(mixed, metric))


def _metric(score: Score | None, name: str) -> str:
    """A metric of a score; of a results file that somebody made, it may lack any but the main one."""
    return NOTHING if score is None or name not in score.metrics else hundredths(score.metrics[name])


def _lengths(runs: Sequence[Results]) -> str:
    labels: dict[str, None] = dict.fromkeys(
        part.characters for run in runs for score in run.scores for part in score.by_length
    )
    ordered = sorted(labels, key=lambda label: (label.startswith("under") is False, _first_number(label)))
    rows = [
        (
            score.label.task,
            _set_name(score.label),
            score.label.subset,
            score.label.space,
            run.encoder,
            *_length_cells(score, ordered),
        )
        for run in runs
        for score in run.scores
        if len(score.by_length) > 1
    ]
    header = ("task", "set", "subset", "space", "encoder", *(f"{label} characters" for label in ordered))
    return markdown_table(header, rows) if rows else ""


def _length_cells(score: Score, labels: Sequence[str]) -> list[str]:
    parts: Mapping[str, str] = {
        part.characters: f"{hundredths(part.value)} (n={part.count})" for part in score.by_length
    }
    return [parts.get(label, NOTHING) for label in labels]


def _first_number(label: str) -> int:
    found = re.search(r"\d{1,9}", label)
    return int(found[0]) if found else 0
