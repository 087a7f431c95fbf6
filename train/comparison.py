"""Modular against monolithic, language by language: the tables of `python -m train.results`.

Within a language the module's native space stands against the monolithic encoder's one space, between languages the
shared space. A difference above 0 is in favour of the modules; its interval is that of a paired bootstrap on the same
items (`xsearch.evaluation.comparison`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from xsearch.evaluation import Results, Score
from xsearch.evaluation.comparison import Comparison, compare
from xsearch.evaluation.metrics import Interval
from xsearch.evaluation.report import NOTHING, difference, hundredths, markdown_table
from xsearch.evaluation.results import Label

MODULAR = "modular"
LOW_RESOURCE = ("te", "mr", "am", "ha", "rw", "kk", "uz", "az", "ky")
"""As the paper calls them."""
GROUPS = ("low-resource", "other languages", "English")
RESAMPLES = 1000


@dataclass(frozen=True)
class Row:
    """One set: the modules' score in its best-suited space and in the shared one, and what each encoder has."""

    label: Label
    modular: Score
    shared: Score | None
    others: Sequence[Score | None]
    differences: Sequence[Comparison | None]


def comparison_tables(results: Sequence[Results]) -> Iterator[str]:
    """Headings and tables of `results`: the modular system's, then those of monolithic encoders."""
    modular, others = results[0], results[1:]
    rows = _rows(modular, others)
    for title, kind in (
        ("Within a language: similarity and relatedness (Spearman)", _is_within),
        ("Between languages: translations found (accuracy)", lambda label: label.task == "bitext"),
        ("Between languages: similarity (Spearman)", _is_cross_similarity),
    ):
        chosen = [row for row in rows if kind(row.label)]
        if chosen:
            yield f"### {title}"
            yield _table(chosen, [other.encoder for other in others], kind is _is_within)


def _is_within(label: Label) -> bool:
    return len(set(label.langs)) == 1


def _is_cross_similarity(label: Label) -> bool:
    return label.task != "bitext" and not _is_within(label)


def group_of(label: Label) -> str:
    """The group of the language that is not English; of two such languages, of the one with less data."""
    foreign = set(label.langs) - {"en"}
    if not foreign:
        return GROUPS[2]
    return GROUPS[0] if foreign & set(LOW_RESOURCE) else GROUPS[1]


def _rows(modular: Results, others: Sequence[Results]) -> list[Row]:
    own: dict[Label, dict[str, Score]] = {}
    for score in modular.scores:
        own.setdefault(_anywhere(score).label, {})[score.label.space] = score
    best = {
        label: spaces.get("native" if _is_within(label) else "shared") or next(iter(spaces.values()))
        for label, spaces in own.items()
    }
    plain = replace(modular, scores=[_anywhere(score) for score in best.values()])
    theirs = [replace(other, scores=[_anywhere(score) for score in other.scores]) for other in others]
    compared = [{c.label: c for c in compare(other, plain, resamples=RESAMPLES)} for other in theirs]
    by_label = [{score.label: score for score in other.scores} for other in theirs]
    rows = [
        Row(
            label,
            score,
            own[label].get("shared"),
            [scores.get(label) for scores in by_label],
            [differences.get(label) for differences in compared],
        )
        for label, score in best.items()
    ]
    order = {group: number for number, group in enumerate(GROUPS)}
    return sorted(
        rows, key=lambda r: (r.label.dataset, r.label.split, order[group_of(r.label)], r.label.subset)
    )


def _anywhere(score: Score) -> Score:
    """The score without its space, so that spaces of other names can be compared."""
    return replace(score, label=replace(score.label, space=""))


def _table(rows: Sequence[Row], names: Sequence[str], within: bool) -> str:
    header = ["set", "languages", "n", "modular", *(["modular, shared space"] if within else [])]
    for name in names:
        header += [name, f"modular - {name}"]
    lines: list[list[str]] = []
    for position, row in enumerate(rows):
        lines.append(_line(row, within))
        kind = _kind(row)
        if position + 1 == len(rows) or _kind(rows[position + 1]) != kind:
            lines += _mean([other for other in rows if _kind(other) == kind], within)
    return markdown_table(header, lines)


def _kind(row: Row) -> tuple[str, str, str]:
    return (row.label.dataset, row.label.split, group_of(row.label))


def _line(row: Row, within: bool) -> list[str]:
    cells = [
        f"{row.label.dataset} {row.label.split}",
        row.label.subset,
        str(row.modular.count),
        score_cell(row.modular),
    ]
    cells += [score_cell(row.shared)] if within else []
    for other, compared in zip(row.others, row.differences, strict=True):
        cells += [
            score_cell(other),
            difference(compared.difference, compared.interval) if compared else NOTHING,
        ]
    return cells


def _mean(rows: Sequence[Row], within: bool) -> list[list[str]]:
    """The means over a group of languages; a column that lacks one of them has none."""
    if len(rows) < 2:
        return []
    cells = [
        f"{rows[0].label.dataset} {rows[0].label.split}",
        f"**mean, {group_of(rows[0].label)}**",
        str(len(rows)),
    ]
    cells.append(_mean_cell([row.modular for row in rows]))
    cells += [_mean_cell([row.shared for row in rows])] if within else []
    for number in range(len(rows[0].others)):
        cells.append(_mean_cell([row.others[number] for row in rows]))
        cells.append(_mean_difference([row.differences[number] for row in rows]))
    return [cells]


def _mean_cell(scores: Sequence[Score | None]) -> str:
    known = [score.value for score in scores if score is not None]
    return f"**{hundredths(sum(known) / len(known))}**" if len(known) == len(scores) else NOTHING


def _mean_difference(compared: Sequence[Comparison | None]) -> str:
    """The languages' items are drawn independently, so the half-widths of their intervals add in squares."""
    known = [one for one in compared if one is not None]
    if len(known) < len(compared):
        return NOTHING
    mean = sum(one.difference for one in known) / len(known)
    low = math.hypot(*(one.difference - one.interval.low for one in known)) / len(known)
    high = math.hypot(*(one.interval.high - one.difference for one in known)) / len(known)
    return f"**{difference(mean, Interval(mean - low, mean + high))}**"


def score_cell(score: Score | None) -> str:
    """A score with its interval: `82.0 [80.1, 83.8]`."""
    if score is None:
        return NOTHING
    ends = score.interval
    return hundredths(score.value) + (f" [{hundredths(ends.low)}, {hundredths(ends.high)}]" if ends else "")
