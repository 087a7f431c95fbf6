"""Building a part: one index for each space over the living documents from some key on."""

from collections.abc import Callable, Sequence

import numpy as np

from xsearch.collection.durable import settle
from xsearch.collection.manifest import IndexRecord, PartRecord
from xsearch.collection.part import FOLDER
from xsearch.collection.segment import Segment
from xsearch.collection.snapshot import Snapshot
from xsearch.index.approximate import save_index
from xsearch.index.build import BuiltIndex, build_index, insertion_order
from xsearch.index.layout import lay_out
from xsearch.index.vector_run import VectorRun


def write_part(
    snapshot: Snapshot,
    segments: Sequence[Segment],
    first_key: int,
    factory: str,
    name: str,
    device: str,
    report: Callable[[int], None],
) -> PartRecord:
    """Index the living documents of `segments` with keys from `first_key` on, in every space of the collection.

    `report` is told how many documents are in, over all spaces divided by their number.
    """
    folder = snapshot.folder / FOLDER / name
    folder.mkdir(parents=True)
    rows = [np.flatnonzero((s.keys >= first_key) & ~snapshot.is_dead(s.keys)) for s in segments]
    keys = np.concatenate([segment.keys[chosen] for segment, chosen in zip(segments, rows, strict=True)])
    order, probes = insertion_order(len(keys))
    places = None
    manifest = snapshot.manifest
    records = {}
    for done_spaces, space in enumerate(manifest.spaces):
        before = done_spaces * len(keys)

        def share(done: int, before: int = before) -> None:
            report((before + done) // len(manifest.spaces))

        run = VectorRun([segment.vectors[space] for segment in segments], rows)
        built = build_index(
            factory, run, order, probes, recall=manifest.settings.recall, device=device, report=share
        )
        places = lay_out(built.index, places)  # neighbours in one space are mostly so in the other
        save_index(built.index, folder / f"{space}.faiss")
        records[space] = _record(factory, built)
    np.save(folder / "keys.npy", keys[order if places is None else order[places]])
    return PartRecord(
        name=name,
        rows=len(keys),
        first_key=int(keys[0]),
        last_key=int(keys[-1]),
        indexes=records,
        files=settle(snapshot.folder, sorted(folder.iterdir())),
    )


def _record(factory: str, built: BuiltIndex) -> IndexRecord:
    return IndexRecord(
        factory=factory,
        parameters=built.tuning.parameters,
        depth=built.tuning.depth,
        recall_at_10=round(built.tuning.recall, 4),
        probes=built.probes,
        imbalance=None if built.imbalance is None else round(built.imbalance, 3),
        build_seconds=round(built.seconds, 2),
    )
