"""The data of a sweep's members: what they have in common is read, encoded and kept once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mtrain.data.class_weights import weight_training
from mtrain.data.load import make_dataset
from mtrain.data.reading import read_source
from mtrain.engine.compilation import check_compilation, choose_compilation
from mtrain.engine.threads import threads_asked
from mtrain.errors import MtrainError, SettingError
from mtrain.escape import bytes_as_text
from mtrain.report.drawing import draw_here
from mtrain.training.open import data_facts
from mtrain.training.prepared import notes_on, prepare_data
from mtrain.workflows.fit import choose_run_threads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.config.loading.members import Member
    from mtrain.data.source import Source
    from mtrain.observer import Observer, SweepObserver
    from mtrain.records.dataset import Dataset
    from mtrain.report.drawing import Draw
    from mtrain.training.prepared import PreparedData

SPLITTING = {"samples", "validation", "test", "fold", "scale"}
"""Settings of a data set that act on what was read."""


@dataclass(frozen=True)
class Options:
    """How the members of a sweep are trained."""

    device: str
    jobs: int | None
    """How many side by side; None: as many as the CPUs hold."""

    charts: bool
    progress: bool
    """Whether a download shows a bar."""

    code_folder: Path
    owns_process: bool
    ray: str | None = None
    """The address of a Ray cluster that trains them; None: this process does."""

    failed_trackers: set[type[Observer]] = field(default_factory=set)
    """Kinds of trackers that have failed in this sweep: members that come do without them."""

    @property
    def draw(self) -> Draw | None:
        """What draws the charts of members."""
        return draw_here if self.charts else None


class SweepData:
    """The data of a sweep's members; what they have in common is read and encoded once."""

    def __init__(
        self, members: Sequence[Member], options: Options, observer: SweepObserver
    ) -> None:
        """Read all of it, before TensorFlow is loaded.

        Raises `UsageError` with every setting that does not fit its data, and `MtrainError` for data
        that cannot be read, or do not fit into memory together.
        """
        self._members = members
        self._datasets: dict[str, Dataset] = {}
        self._prepared: dict[str, PreparedData] = {}
        self._facts: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        self.n_bytes = 0
        memory = max(member.config.training.memory_bytes for member in members)
        sources: dict[str, Source] = {}
        problems: dict[Any, None] = {}
        observer.stage("reading the data")
        for config in (member.config for member in members):
            key = _data_key(config)
            try:
                if key not in self._datasets:
                    self._datasets[key] = _load(config, sources, options)
                    self.n_bytes += _bytes(self._datasets[key])
                    _check_together(self.n_bytes, memory)
                problems |= dict.fromkeys(config.class_conflicts(self._datasets[key].classes))
            except SettingError as error:
                problems |= dict.fromkeys((one.key, one.what) for one in error.problems)
        if problems:
            raise SettingError(*problems)

    def prepare(self) -> None:
        """Put the training rows on the device of the current scope; the copies in memory are freed."""
        self._facts = {key: data_facts(dataset) for key, dataset in self._datasets.items()}
        while self._datasets:
            key, dataset = self._datasets.popitem()
            self._prepared[key] = prepare_data(dataset)

    def check_compilations(self, device_kind: str) -> set[str]:
        """How the members' loops are compiled on a `cpu` or `gpu`, before they are prepared.

        Raises `SettingError` for batches whose sums the compiler would round too much.
        """
        kinds: set[str] = set()
        problems: dict[Any, None] = {}
        for member in self._members:
            config = member.config
            kinds.add(kind := choose_compilation(config, device_kind))
            try:
                check_compilation(config, kind, device_kind, len(self.dataset(member).train))
            except SettingError as error:
                problems |= dict.fromkeys((one.key, one.what) for one in error.problems)
        if problems:
            raise SettingError(*problems)
        return kinds

    def find(self, member: Member) -> Dataset | None:
        """Before they are prepared; None for data that none of these members has."""
        return self._datasets.get(_data_key(member.config))

    def dataset(self, member: Member) -> Dataset:
        """Before they are prepared."""
        return self._datasets[_data_key(member.config)]

    def key(self, member: Member) -> str:
        """Of the member's data: members that have the same share them."""
        return _data_key(member.config)

    def forget(self) -> None:
        """Free the data: others read them."""
        self._datasets.clear()

    @property
    def notes(self) -> list[str]:
        """On the data of all members, prepared or not; each once."""
        lists = [data.notes for data in self._prepared.values()]
        lists += [notes_on(dataset) for dataset in self._datasets.values()]
        return list(dict.fromkeys(note for notes in lists for note in notes))

    def of(self, member: Member) -> PreparedData:
        """Once they are prepared; without the notes, which are those of all members."""
        return replace(self._prepared[_data_key(member.config)], notes=())

    def facts_of(self, member: Member) -> tuple[dict[str, str], dict[str, str]]:
        """The data and splits of the member's `Environment`."""
        return self._facts[_data_key(member.config)]


def _data_key(config: Config) -> str:
    return f"{config.dataset.model_dump_json()}{config.training.class_weight}"


def _load(config: Config, sources: dict[str, Source], options: Options) -> Dataset:
    memory = config.training.memory_bytes
    source_key = config.dataset.model_dump_json(exclude=SPLITTING)
    if source_key not in sources:
        sources[source_key] = read_source(
            config.dataset, memory=memory, progress=options.progress, download=True
        )
    dataset = make_dataset(sources[source_key], config.dataset, memory=memory)
    return weight_training(dataset, config.training.class_weight)


def _check_together(n_bytes: int, memory: int) -> None:
    if n_bytes > memory:
        taken, allowed = bytes_as_text(n_bytes), bytes_as_text(memory)
        raise MtrainError(
            f"the members' data take {taken} or more together, beyond training.memory, {allowed}",
            where="sweep",
            remedy="sweep the settings of the data one at a time",
        )


def _bytes(dataset: Dataset) -> int:
    return sum(rows.features.nbytes for rows in dataset.splits.values())


def member_threads(member: Member, data: SweepData) -> int | None:
    """Threads of an operation, as `fit` chooses them; None: as many as the user, or TensorFlow, says."""
    if threads_asked() is not None:
        return None
    return choose_run_threads(member.config, data.dataset(member))
