"""``xsearch eval``: measure encoders on published tasks, compare two of them, and report."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from xsearch.cli.evaluation_options import DATA, ENCODER, LANGS, SKIP_INVALID, language_codes
from xsearch.cli.evaluation_progress import showing
from xsearch.cli.evaluation_reports import compare, passages, report
from xsearch.cli.options import DEVICE
from xsearch.cli.printable import notice
from xsearch.cli.share import Share
from xsearch.json_lines import json_line
from xsearch.languages import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xsearch.evaluation import Results, Run, Score, Settings
    from xsearch.evaluation.cached_encoder import CachedEncoder
    from xsearch.evaluation.measure import SpaceChoice
    from xsearch.qa import LongPassages, SentenceEncoder

_TASKS = ("sts", "str", "bitext", "retrieval", "mcqa")


class _TaskOrCommand(click.Group):
    """A group whose default command takes tasks: ``xsearch eval sts`` beside ``xsearch eval report``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Anything but the name of a command belongs to ``run``."""
        if args[0] not in self.commands:
            return "run", self.commands["run"], args
        return super().resolve_command(ctx, args)


@click.group(
    cls=_TaskOrCommand,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    subcommand_metavar="TASK... [OPTIONS] | COMMAND [ARGS]...",
)
def evaluate() -> None:
    """Measure modules, or other encoders, on published tasks.

    TASK is sts (similarity), str (relatedness), bitext, retrieval or mcqa (multiple-choice questions).
    Their options are those of the command run.

    \b
    xsearch eval sts bitext --lang fi --data DATA -o fi.json
    xsearch eval report fi.json --anchors anchors.csv
    """  # noqa: D301 (Click wants the backspace itself)


@evaluate.command()
@click.argument("tasks", nargs=-1, required=True, type=click.Choice(_TASKS), metavar="TASK...")
@DATA
@LANGS
@ENCODER
@click.option(
    "--name", help="What the encoder is called in results; by default the modules or the folder's name."
)
@click.option(
    "--query-prompt", default="", help="Put before queries and sentences, such as 'query: ' for mE5."
)
@click.option("--document-prompt", default="", help="Put before documents, such as 'passage: ' for mE5.")
@click.option(
    "--space",
    type=click.Choice(["auto", "native", "shared", "both"]),
    default="auto",
    show_default=True,
    help="Space within one language; auto is native. Between languages it is always the shared one.",
)
@click.option("--limit", type=click.IntRange(1), help="At most this many items of each set, drawn at random.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="For --limit and intervals."
)
@click.option(
    "--long-passages",
    type=click.Choice(["whole", "best-window"]),
    default="best-window",
    show_default=True,
    help="How mcqa compares a long passage.",
)
@click.option("--query-lang", help="Language of the queries of BEIR folders that do not say theirs.")
@click.option("--document-lang", help="Language of the documents of such folders.")
@click.option(
    "--centre",
    type=click.Path(path_type=Path),
    help="Measure pairs of languages again without each language's mean, fitted on the parallel text here.",
)
@click.option(
    "--centre-on", help="Put this language's mean in the place of the others' instead of the origin."
)
@click.option(
    "--bonus",
    type=Share(0, 1),
    help="Measure mixed pools again with this added to the cosine of documents in other languages.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the results here instead of stdout.",
)
@SKIP_INVALID
@DEVICE
def run(
    tasks: tuple[str, ...],
    data: Path,
    langs: tuple[str, ...],
    encoder_name: str,
    name: str | None,
    query_prompt: str,
    document_prompt: str,
    space: SpaceChoice,
    limit: int | None,
    seed: int,
    long_passages: LongPassages,
    query_lang: str | None,
    document_lang: str | None,
    centre: Path | None,
    centre_on: str | None,
    bonus: float | None,
    output: Path | None,
    skip_invalid: bool,
    device: str,
) -> None:
    """Measure an encoder on one task or several.

    The results are JSON: every score with its 95 % bootstrap interval, its breakdown by length, the
    checksum of its data and the content hashes of the modules. With -o the value of each item is kept
    beside them, for `xsearch eval compare`.
    """
    from xsearch.evaluation import Run, Settings, load_encoder, write_results
    from xsearch.evaluation.cached_encoder import CachedEncoder
    from xsearch.evaluation.layouts import RetrievalLanguages
    from xsearch.evaluation.results import to_json

    if centre_on is not None and centre is None:
        raise click.UsageError("--centre-on needs the parallel text that --centre names.")
    if centre is not None and not centre.exists():
        raise click.UsageError(f"--centre: there is no file or folder {centre}.")
    if bonus is not None and "retrieval" not in tasks:
        raise click.UsageError("--bonus measures mixed pools again; name retrieval among the tasks.")
    pivot = resolve(centre_on).code if centre_on else None
    codes = language_codes(langs)
    if output is not None:
        _make_room(output, [data, *([centre] if centre else [])])
    encoder = load_encoder(
        encoder_name, name=name, device=device, query_prompt=query_prompt, document_prompt=document_prompt
    )
    retrieval = RetrievalLanguages(
        *(resolve(lang).code if lang else None for lang in (query_lang, document_lang))
    )
    settings = Settings(space=space, limit=limit, seed=seed, long_passages=long_passages)
    with showing() as progress:
        cached = CachedEncoder(encoder, progress)
        plain = Run(data, cached, settings, codes, retrieval, skip_invalid, on_set=progress.measuring)
        scores = plain.measure(tasks)
        if centre is not None:
            scores += _centred(plain, cached, centre, pivot, tasks, scores)
        if bonus is not None:
            scores += _with_bonus(plain, bonus)
    results = _results(cached, scores, plain.notices, settings)
    for score in scores:
        notice(_line(score))
    for message in plain.notices:
        notice(message)
    if output is None:
        click.echo(json_line(to_json(results)))
    else:
        write_results(results, output)
        notice(f"Wrote {output}")


def _make_room(output: Path, inputs: Sequence[Path]) -> None:
    """Makes the directory of the results, so that one that cannot be is known before anything is measured.

    Raises:
        CorpusError: as ``check_output``.
    """
    from xsearch.evaluation.results import items_path
    from xsearch.output_file import check_output

    with suppress(FileExistsError, NotADirectoryError):
        output.parent.mkdir(parents=True, exist_ok=True)
    for path in (output, items_path(output)):
        check_output(path, inputs)


def _centred(
    plain: Run,
    encoder: SentenceEncoder,
    folder: Path,
    pivot: str | None,
    tasks: Sequence[str],
    scores: list[Score],
) -> list[Score]:
    """The scores between languages once more, with centred vectors."""
    from xsearch.evaluation.centring import CentredEncoder, fit_means

    langs = {lang for score in scores for lang in score.label.langs}
    if len(langs) < 2:
        plain.notices.append("--centre changes nothing within one language; measure pairs of languages.")
        return []
    centred = CentredEncoder(encoder, fit_means(encoder, folder, langs), pivot)
    variant = f"centred on {pivot}" if pivot else "centred"
    again = replace(plain, encoder=centred, variant=variant, notices=[])
    return [score for score in again.measure(tasks) if len(set(score.label.langs)) > 1]


def _with_bonus(plain: Run, bonus: float) -> list[Score]:
    """The scores of mixed pools once more, with a bonus for documents in other languages than the query's."""
    from xsearch.evaluation.retrieval import MIXED

    settings = replace(plain.settings, bonus=bonus)
    again = replace(plain, settings=settings, variant=f"bonus {bonus:g}", notices=[])
    return [score for score in again.measure(["retrieval"]) if MIXED in score.label.subset]


def _results(
    encoder: CachedEncoder, scores: list[Score], notices: Sequence[str], settings: Settings
) -> Results:
    from xsearch import __version__
    from xsearch.evaluation import Results

    return Results(
        encoder=encoder.name,
        content_hashes=encoder.content_hashes(sorted(encoder.languages)),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=_command_line(click.get_current_context()),
        version=__version__,
        seed=settings.seed,
        limit=settings.limit,
        scores=scores,
        notices=notices,
    )


def _command_line(ctx: click.Context) -> str:
    """The command as it was given, without what was left at its default."""
    words = ["xsearch", "eval"]
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = ctx.params[name]
        if isinstance(parameter, click.Argument):
            words.extend(map(str, value))
        elif isinstance(parameter, click.Option) and parameter.is_flag:
            words.append(parameter.opts[-1])
        else:
            for one in value if isinstance(value, tuple) else (value,):
                words.extend((parameter.opts[-1], str(one)))
    return shlex.join(words)


def _line(score: Score) -> str:
    label = score.label
    name = " ".join(
        part for part in (label.task, label.dataset, label.split, label.subset, label.variant) if part
    )
    interval = ""
    if score.interval is not None:
        interval = f" [{100 * score.interval.low:.1f}, {100 * score.interval.high:.1f}]"
    return f"{name} ({label.space}): {score.main} {100 * score.value:.1f}{interval}, n={score.count}"


for _command in (report, compare, passages):
    evaluate.add_command(_command)
