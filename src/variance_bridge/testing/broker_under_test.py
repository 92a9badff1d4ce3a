"""The broker under test: its class, and what its plugin declares about it."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs

from variance_bridge.broker import BrokerSpec, Capability, QuoteSourceSpec
from variance_bridge.errors import BridgeError
from variance_bridge.network.declared_hosts import Reach
from variance_bridge.plugins.loading import LoadedPlugin, Registry, import_place
from variance_bridge.plugins.registry import BROKERS, Plugin, installed
from variance_bridge.symbology import InstrumentType
from variance_bridge.testing.case_decorator import NotReadyError


@attrs.frozen(kw_only=True)
class Subject:
    """A broker and its declaration.

    Attributes:
        broker: the class.
        loaded: the plugin, as the registry gives it.
        project: the folder with the pyproject.toml; None where the plugin is only installed.
    """

    broker: type[Any]
    loaded: LoadedPlugin
    project: Path | None = None

    @property
    def spec(self) -> BrokerSpec:
        """What the plugin declares of the broker."""
        return self.loaded.broker

    @property
    def has_entry_point(self) -> bool:
        """Whether a plugin declares the broker, so that a run finds it; a test may also state the declaration itself."""
        return bool(self.loaded.plugin.value)

    @property
    def package(self) -> str:
        """The top-level package of the broker's code."""
        return str(self.broker.__module__).partition(".")[0]

    @property
    def settings_class(self) -> type[Any] | None:
        """The class of its settings; None where it has none."""
        place = self.spec.settings
        found: type[Any] | None = import_place(self.loaded.plugin, place) if place else None
        return found

    @property
    def records(self) -> tuple[BrokerSpec | QuoteSourceSpec, ...]:
        """What the plugin declares: the broker, and the quote sources beside it."""
        return self.spec, *self.loaded.quotes

    @property
    def reach(self) -> Reach:
        """What they may call, as in a run."""
        return Reach.of(*self.records)

    @property
    def reads_files(self) -> bool:
        """Whether it reads a file and asks no network."""
        return Capability.READS_FILES in self.spec.capabilities

    @property
    def types(self) -> frozenset[InstrumentType]:
        """The instrument types that it declares."""
        words = {word.value for word in InstrumentType}
        declared = {InstrumentType(each) for each in self.spec.capabilities if each in words}
        return frozenset(declared)


def find_subject(broker: object, test_class: type[Any], spec: BrokerSpec | None) -> Subject:
    """The broker with its plugin: that of the project around the tests, else the installed one.

    Raises:
        NotReadyError: no class was given, no plugin declares it, or the plugin is broken; says what to do.
    """
    if not isinstance(broker, type):
        raise NotReadyError(
            "say which broker is tested: `broker = AcmeBroker` in the test class", "DECL-01"
        )
    project = _project_of(test_class)
    if spec is not None:
        return Subject(broker=broker, loaded=_given(spec), project=project)
    problems = []
    for points, place in ((_of_project(project), project), (_of_environment(broker), None)):
        for point in points:
            try:
                loaded = _load(point)
                declared = import_place(loaded.plugin, loaded.broker.broker)
            except BridgeError as error:
                problems.append(str(error))
                continue
            if declared is broker:
                return Subject(broker=broker, loaded=loaded, project=place or project)
            problems.append(
                f"the plugin `{point.name}` declares {loaded.broker.broker}, which is another class"
            )
    name = f"{broker.__module__}:{broker.__qualname__}"
    raise NotReadyError(
        f"no plugin declares {name}: "
        + ("; ".join(problems) or "give the project an entry point in the group `variance_bridge`"),
        "DECL-01",
    )


def _load(point: Plugin) -> LoadedPlugin:
    return Registry(lambda _group: [point]).load(point.name)


def _given(spec: BrokerSpec) -> LoadedPlugin:
    plugin = Plugin(spec.name, "", "given in the test")
    return LoadedPlugin(plugin=plugin, broker=spec, quotes=())


def _project_of(test_class: type[Any]) -> Path | None:
    """The nearest folder above the test with a pyproject.toml that has entry points of ours."""
    try:
        file = Path(inspect.getfile(test_class)).resolve()
    except (OSError, TypeError):
        return None
    return next((folder for folder in file.parents if list(_of_project(folder))), None)


def _of_project(folder: Path | None) -> Iterator[Plugin]:
    """The entry points that a project's pyproject.toml names."""
    file = None if folder is None else folder / "pyproject.toml"
    if file is None or not file.is_file():
        return
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    declared = table.get("project", {}).get("entry-points", {}).get(BROKERS, {})
    for name, value in declared.items():
        yield Plugin(name, value)


def _of_environment(broker: type[Any]) -> Iterable[Plugin]:
    package = str(broker.__module__).partition(".")[0]
    return [
        point
        for point in installed(BROKERS)
        if point.value.partition(":")[0].partition(".")[0] == package
    ]
