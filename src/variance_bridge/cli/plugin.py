"""`variance plugin`: for those who write a broker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from variance_bridge.cli.invocation import Invocation

if TYPE_CHECKING:
    from variance_bridge.testing.plugin_check import Examination

NOT_REACHED = 3


@click.group()
def plugin() -> None:
    """Write and check broker plugins."""


@plugin.command("new", short_help="Write a complete project for a broker.")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write; variance-bridge-NAME by default.",
)
def new(name: str, folder: Path | None) -> None:
    """Write a complete project for the broker NAME: code, recordings, tests, CI.

    Its tests run at once. Those that are red say what there is to do.
    """
    from variance_bridge.formatting import printable
    from variance_bridge.plugins.registry import names
    from variance_bridge.scaffold import check_name, write_project

    check_name(name)
    if name in names():
        from variance_bridge.errors import UsageError

        raise UsageError(
            f"a broker named `{name}` is installed already", hint="choose another name"
        )
    target = folder or Path(f"variance-bridge-{name.replace('_', '-')}")
    for file in write_project(name, target):
        click.echo(printable(str(target / file)))
    click.echo(printable(f"Next: cd {target}, and go on as its README.md says"), err=True)


@plugin.command("record", short_help="Write down what a broker answers, made anonymous.")
@click.argument("name")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="A new file.")
@click.option("--title", default="", help="One line about what is in it.")
@click.option("--profile", help="A profile of variance.toml.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the broker, for this recording. May be repeated.",
)
@click.pass_obj
def record_(
    invocation: Invocation,
    name: str,
    output: Path,
    title: str,
    profile: str | None,
    settings: tuple[str, ...],
) -> None:
    """Sync the broker NAME once, and write its answers down with invented account data.

    Positions and amounts stay as they are: look at the file before you commit it.
    """
    from variance_bridge.errors import UsageError
    from variance_bridge.settings.configuration import parse_overrides
    from variance_bridge.testing.recorder import record

    if output.exists():
        raise UsageError("there is such a file", where=str(output), hint="choose a new name")
    recording = record(
        invocation.run_context(),
        name,
        output,
        title=title,
        profile=profile,
        overrides=parse_overrides(settings),
    )
    click.echo(f"{len(recording.exchanges)} answers recorded.", err=True)
    click.echo("Look at the file, and say in `expected` what it means.", err=True)


@plugin.command("check", short_help="Run the conformance cases of a broker.")
@click.argument("name")
@click.option(
    "--tests",
    type=click.Path(path_type=Path, exists=True),
    help="Where the plugin's tests are; found beside its code by default.",
)
@click.option(
    "--require",
    type=click.Choice(["bronze", "silver", "gold"]),
    help="Exit with 3 unless this tier is reached.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def check(
    invocation: Invocation, name: str, tests: Path | None, require: str | None, *, as_json: bool
) -> int:
    """Run the conformance cases of the broker NAME, and say which tier it has reached.

    And what is missing for the next. The rules and their reasons are in docs/conformance.md.
    """
    from variance_bridge.testing.plugin_check import examine
    from variance_bridge.testing.tiers import Tier, reaches

    examination = examine(invocation.registry.load(name), tests)
    if as_json:
        _print_json(examination)
    else:
        _print_text(examination)
    wanted = Tier(require) if require else Tier.BRONZE
    return 0 if reaches(examination.standing.tier, wanted) else NOT_REACHED


def _print_text(examination: Examination) -> None:
    from variance_bridge.formatting import printable
    from variance_bridge.testing.tiers import Tier, rules

    standing = examination.standing
    tier = standing.tier.value if standing.tier else "no tier yet"
    click.echo(printable(f"{examination.name} ({examination.plugin}): {tier}"))
    for level in Tier:
        of_level = [rule for rule in rules() if rule.tier is level]
        fulfilled = sum(rule.name not in standing.open for rule in of_level)
        click.echo(f"{level.value:<8}{fulfilled} of {len(of_level)} rules")
    for identifier, reason in sorted(examination.not_applicable.items()):
        click.echo(printable(f"{identifier} does not apply: {reason}"))
    if standing.next is None:
        return
    click.echo(f"Missing for {standing.next.value}:")
    for rule in rules():
        if rule.name not in standing.open or rule.tier is not standing.next:
            continue
        click.echo(printable(f"  {rule.title}"))
        click.echo(printable(f"    why: {rule.reason}"))
        for identifier, result in standing.open[rule.name].items():
            sentence = examination.sentences[identifier]
            click.echo(printable(f"    {identifier} {result.value}: {sentence}"))
            for complaint in examination.complaints.get(identifier, ()):
                click.echo(printable(f"      {complaint}"))


def _print_json(examination: Examination) -> None:
    from variance_bridge.document.exact_json import dumps
    from variance_bridge.testing.tiers import rules

    standing = examination.standing
    table: dict[str, Any] = {
        "name": examination.name,
        "plugin": examination.plugin,
        "tier": standing.tier.value if standing.tier else None,
        "next": standing.next.value if standing.next else None,
        "not_applicable": dict(sorted(examination.not_applicable.items())),
        "missing": [
            {
                "rule": rule.name,
                "tier": rule.tier.value,
                "title": rule.title,
                "reason": rule.reason,
                "cases": {one: result.value for one, result in standing.open[rule.name].items()},
            }
            for rule in rules()
            if rule.name in standing.open
        ],
    }
    click.echo(dumps(table), nl=False)
