"""Entry points are read from their files; importlib.metadata is the referee."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import pytest

from variance_bridge.plugins.registry import BROKERS, COMMANDS, Plugin, installed


def by_importlib(group: str) -> set[Plugin]:
    return {
        Plugin(point.name, point.value, point.dist.name, point.dist.version)
        for point in entry_points(group=group)
    }


def distribution(folder, name, text, *, ending="dist-info", metadata=True, version="1.2"):
    made = folder / f"{name.replace('-', '_')}-{version}.{ending}"
    made.mkdir(parents=True)
    (made / "entry_points.txt").write_text(text)
    if metadata:
        file = "METADATA" if ending == "dist-info" else "PKG-INFO"
        (made / file).write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: x\n\nName: not-this\n"
        )
    return made


ACME = "[console_scripts]\nacme = acme:main\n\n[variance_bridge]\nacme = acme.plugin\n"


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path / "first"), str(tmp_path / "second")])
    return tmp_path / "first", tmp_path / "second"


@pytest.mark.parametrize("group", [BROKERS, COMMANDS])
def test_what_is_installed_here_is_found(group):
    assert set(installed(group)) == by_importlib(group)
    assert {plugin.distribution for plugin in installed(group)} >= {"variance-bridge-tastytrade"}


@pytest.mark.parametrize("ending", ["dist-info", "egg-info"])
@pytest.mark.parametrize(
    "text",
    [
        ACME,
        "[variance_bridge]\n# a comment\nacme=acme.plugin\n[variance_bridge.commands]\nbill = acme:bill\n",
        "[variance_bridge]\r\nacme = acme.plugin [extra]\r\n",
        "[variance_bridge]\nacme = acme.plugin:hooks.one\n\n[pytest11]\nx = y\n",
        "",
    ],
)
def test_every_form_of_the_file_is_read_as_importlib_reads_it(path, text, ending):
    distribution(path[0], "Acme-Broker", text, ending=ending)

    for group in (BROKERS, COMMANDS):
        found = {plugin._replace(value=plugin.value.strip()) for plugin in installed(group)}
        wanted = {p._replace(value=p.value.partition("[")[0].strip()) for p in by_importlib(group)}
        assert found == wanted


def test_the_first_distribution_of_a_name_on_the_path_counts(path):
    distribution(path[0], "acme-broker", ACME, version="2.0")
    distribution(path[1], "Acme.Broker".replace(".", "_"), ACME, version="1.0")

    assert [plugin.version for plugin in installed(BROKERS)] == ["2.0"]
    assert set(installed(BROKERS)) == by_importlib(BROKERS)


def test_a_distribution_that_lacks_a_file_costs_no_other(path):
    distribution(path[0], "acme-broker", ACME)
    distribution(path[0], "broken", ACME.replace("acme", "broken"), metadata=False)
    (path[0] / "empty-1.0.dist-info").mkdir()
    (path[0] / "file-1.0.dist-info").write_text("not a folder")

    assert {plugin.name for plugin in installed(BROKERS)} == {"acme", "broken"}


def test_a_plugin_that_was_installed_meanwhile_is_seen(path):
    assert list(installed(BROKERS)) == []
    distribution(path[0], "acme-broker", ACME)

    assert [plugin.name for plugin in installed(BROKERS)] == ["acme"]
