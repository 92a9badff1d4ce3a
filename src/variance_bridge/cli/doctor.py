"""`variance doctor`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.formatting import plural
from variance_bridge.terminal import GREEN, RED, YELLOW

if TYPE_CHECKING:
    from variance_bridge.cli.doctor_checks import Finding
    from variance_bridge.pipeline.broker_choice import Choice

WOULD_STOP = 3

_DETAILS_AT = len("problem ")
_FOLDED = frozenset({"plugin", "listener"})


@click.command(epilog="\b\nExamples:\n  variance doctor\n  variance doctor --broker NAME")
@click.option("--broker", help="The broker to examine; the configured one by default.")
@click.option("--profile", help="A profile of variance.toml.")
@click.option("--offline", is_flag=True, help="Skip checks that need the network.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def doctor(
    invocation: Invocation, broker: str | None, profile: str | None, *, offline: bool, as_json: bool
) -> int:
    """Say what would stop a sync, and how to fix it. Safe to paste into a public issue."""
    from variance_bridge.pipeline.broker_choice import Choice

    findings: list[Finding] = []
    alike: list[Finding] = []
    for finding in _findings(
        invocation, Choice(broker=broker, profile=profile), online=not offline
    ):
        findings.append(finding)
        if alike and _kind(finding) != _kind(alike[0]):
            _print_alike(invocation, alike)
            alike = []
        if not as_json:
            alike.append(finding)
    _print_alike(invocation, alike)
    if as_json:
        _print_json(findings)
    else:
        _print_summary(findings)
    return WOULD_STOP if any(finding.problem for finding in findings) else 0


def _findings(invocation: Invocation, choice: Choice, *, online: bool) -> Iterator[Finding]:
    from variance_bridge.cli.doctor_checks import DoctorInput, examine, finding_of
    from variance_bridge.errors import ConfigurationError

    try:
        given = DoctorInput(
            context=invocation.run_context(),
            credentials=invocation.credentials,
            choice=choice,
            environment=invocation.environment,
            output_folder=invocation.output_folder,
        )
    except ConfigurationError as error:
        yield finding_of("configuration", error, invocation.environment)
        return
    yield from examine(given, online=online)


def _kind(finding: Finding) -> tuple[str, ...]:
    """Findings of one kind that follow each other say the same: nothing is wrong, and nothing is to be done."""
    if finding.problem or finding.fix:
        return ("alone", finding.subject)
    if finding.subject.startswith("  "):
        return ("  ", finding.detail)
    word, _, name = finding.subject.partition(" ")
    _who, _, state = finding.detail.rpartition(": ")
    return (word, state) if name and word in _FOLDED else ("alone", finding.subject)


def _print_alike(invocation: Invocation, alike: list[Finding]) -> None:
    """In one line, but with `-v`."""
    from variance_bridge.cli.doctor_checks import Finding

    if len(alike) < 2 or _kind(alike[0])[0] == "alone" or invocation.verbosity:
        for finding in alike:
            _print(invocation, finding)
        return
    word, state = _kind(alike[0])
    names = ", ".join(each.subject.removeprefix(word).strip() for each in alike)
    subject = f"  {names}" if word == "  " else f"{word}s"
    detail = state if word == "  " else f"{names}: {state}"
    _print(invocation, Finding(subject, problem=False, detail=detail))


def _print(invocation: Invocation, finding: Finding) -> None:
    from variance_bridge.formatting import printable
    from variance_bridge.terminal import laid_out

    def laid(line: str) -> str:
        text = printable(invocation.personal.redact(line))
        return text if sys.stdout is None else laid_out(text, sys.stdout, hanging=_DETAILS_AT)

    word = "problem" if finding.problem else "note" if finding.fix else "ok"
    line = laid(f"{word:<{_DETAILS_AT}}{finding.subject}: {finding.detail}")
    if finding.problem:
        click.secho(line, fg=RED.fg)
    else:
        colour = YELLOW if finding.fix else GREEN
        click.echo(click.style(word, fg=colour.fg) + line.removeprefix(word))
    if finding.fix:
        is_command = finding.fix.startswith(("chmod ", "variance "))
        fix = f"`{finding.fix}`" if is_command else finding.fix
        click.echo(laid(f"{'':<{_DETAILS_AT}}→ {fix}"))


def _print_summary(findings: list[Finding]) -> None:
    """The last line, as a long list is read from its end."""
    from variance_bridge.terminal import laid_out

    problems = [finding.subject.strip() for finding in findings if finding.problem]
    if problems:
        text = f"{plural(len(problems), 'problem')} would stop a sync: {', '.join(problems)}."
        shown = text if sys.stdout is None else laid_out(text, sys.stdout)
        click.secho(shown, fg=RED.fg, bold=True)
    else:
        click.secho("Nothing would stop a sync.", fg=GREEN.fg, bold=True)


def _print_json(findings: list[Finding]) -> None:
    from msgspec import structs

    from variance_bridge.document.exact_json import dumps

    click.echo(dumps({"findings": [structs.asdict(finding) for finding in findings]}), nl=False)
