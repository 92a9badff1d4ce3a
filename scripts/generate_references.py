"""Writes the parts of docs/ that say again what the code says: commands, exit codes, schema, records, settings, modules.

On a page such a part stands between two comments, `<!-- generated: NAME -->` and `<!-- end -->`; everything around them
is written by hand. With `--check` nothing is written, and the exit code is 1 when a page is not current.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import click

from variance_bridge import broker, errors
from variance_bridge.cli.invocation import Invocation
from variance_bridge.cli.subcommands import variance
from variance_bridge.plugins.loading import Registry
from variance_bridge.plugins.registry import COMMANDS, plugins

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
COMMAND = "python scripts/generate_references.py"
"""Brings a page up to date; run with the Python of `.venv`."""

_PART = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def commands() -> str:
    """Every command with its options, as `--help` has them."""
    invocation = Invocation()
    context = click.Context(variance, info_name="variance", obj=invocation)
    try:
        return "\n\n".join(_command(variance, context))
    finally:
        invocation.restore()


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}"
    if brought_by := _distributions_of_commands().get(context.command_path):
        yield f"Brought by the plugin `{brought_by}`."
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"    {context.command_path} {pieces}".rstrip()
    yield inspect.cleandoc(command.help or "")
    options = [p for p in command.get_params(context) if isinstance(p, click.Option)]
    rows = [
        _option(option, context)
        for option in options
        if "--help" not in option.opts and not option.hidden
    ]
    if rows:
        yield "\n".join(rows)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden and _is_ours(context, name):
                yield from _command(inner, click.Context(inner, parent=context, info_name=name))


def _option(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    if record is None:
        raise ValueError(f"the option {option.opts[0]} is hidden")
    names, title = record
    if not option.help:
        raise ValueError(f"{context.command_path}: the option {option.opts[0]} has no help text")
    return f"- `{names}`: {title}"


def _is_ours(context: click.Context, name: str) -> bool:
    """Whether the command is made in this repository; the environment may hold others' plugins."""
    path = f"{context.command_path} {name}"
    theirs = {f"variance {plugin.name}" for plugin in plugins(COMMANDS)}
    return path not in theirs or path in _distributions_of_commands()


def _distributions_of_commands() -> Mapping[str, str]:
    """The commands that our own plugins bring, by what the user types."""
    brought = {}
    for file in sorted(ROOT.glob("plugins/*/pyproject.toml")):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        for name in project.get("entry-points", {}).get(COMMANDS, {}):
            brought[f"variance {name}"] = project["name"]
    return brought


def exit_codes() -> str:
    """Exit codes with the error classes that end in them."""
    rows = ["0 | – | Done.", "1 | any other exception | A bug: please report it."]
    rows += [
        f"{cls.exit_code} | `{name}` | {_without_code(cls)}"
        for name, cls in vars(errors).items()
        if inspect.isclass(cls) and issubclass(cls, errors.BridgeError)
        if cls is not errors.BridgeError
    ]
    rows.append("9 | – | Something needs action (`--fail-on`).")
    rows.append("130 | – | Interrupted (Ctrl-C). Nothing was left half-written.")
    rows.sort(key=lambda row: int(row.split()[0]))
    return _table(("exit", "error class", "meaning"), rows)


def _without_code(cls: type[Any]) -> str:
    return re.sub(r" \(exit [0-9]+\)", "", _summary(cls.__doc__))


def _summary(documentation: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    if not documentation:
        raise ValueError("there is no docstring")
    return " ".join(inspect.cleandoc(documentation).partition("\n\n")[0].split())


def members() -> str:
    """Every object of the schema with its members."""
    schema = _schema()
    places = [("The document", schema)]
    waiting = [("", schema)]
    while waiting:
        path, rule = waiting.pop(0)
        for name, member in rule.get("properties", {}).items():
            inner, suffix = _object_in(member, schema)
            if inner is not None:
                place = f"{path}{name}{suffix}"
                places.append((f"`{place}`", inner))
                waiting.append((f"{place}.", inner))
    return "\n\n".join(_members_of(title, rule) for title, rule in places)


def _schema() -> dict[str, Any]:
    text = (ROOT / "schemas" / "positions-1.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _object_in(member: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[Any, str]:
    """The object that a member is, or is a list of; None for any other member."""
    suffix = ""
    if member.get("type") == "array":
        member, suffix = member["items"], "[]"
    if "$ref" in member:
        member = schema["$defs"][_kind(member)]
    return (member, suffix) if "properties" in member else (None, suffix)


def _members_of(title: str, rule: Mapping[str, Any]) -> str:
    rows = [
        f"`{name}` | {'yes' if name in rule.get('required', ()) else ''} | {_type(member)} | {_meaning(member)}"
        for name, member in rule["properties"].items()
    ]
    about = [rule["description"]] if "description" in rule else []
    table = _table(("member", "required", "type", "meaning"), rows)
    forms = [f"- `{name}`: {_form(one)}" for name, one in rule["properties"].items() if _form(one)]
    return "\n\n".join([f"### {title}", *about, table, *(["\n".join(forms)] if forms else [])])


def _kind(member: Mapping[str, Any]) -> str:
    return str(member["$ref"]).removeprefix("#/$defs/")


def _type(member: Mapping[str, Any]) -> str:
    if "enum" in member:
        return "one of the words"
    if member.get("type") == "array":
        return f"list of {_type(member['items'])}"
    if "$ref" in member:
        return "text" if _kind(member) == "line" else _kind(member)
    above = " > 0" if member.get("exclusiveMinimum") == 0 else ""
    return f"{member['type']}{above}"


def _meaning(member: Mapping[str, Any]) -> str:
    listed = member.get("items", member).get("enum", ())
    words = ", ".join(f"`{word}`" for word in listed)
    return " ".join(part for part in (member.get("description", ""), words) if part)


def _form(rule: Mapping[str, Any]) -> str:
    """Of a text. In a list and not in a table, where the signs of a pattern would have to be escaped."""
    if "pattern" not in rule:
        return ""
    return f"`{rule['pattern']}`, at most {rule['maxLength']} characters"


def kinds() -> str:
    """The kinds of text and number that several members share."""
    rows = []
    for name, rule in _schema()["$defs"].items():
        if "properties" in rule or name == "line":
            continue
        form = _form(rule) or f"{rule['type']} ≥ {rule['minimum']}"
        about = f" {rule['description']}" if "description" in rule else ""
        rows.append(f"- **{name}**:{about} {form}")
    return "\n".join(rows)


def records() -> str:
    """The records of `variance_bridge.broker` with their fields."""
    found = [
        cls
        for name, cls in vars(broker).items()
        if inspect.isclass(cls)
        and attrs.has(cls)
        and cls.__module__ == broker.__name__
        and not name.startswith("_")
    ]
    return "\n\n".join(_record(cls) for cls in found)


def _record(cls: type[Any]) -> str:
    documentation = inspect.cleandoc(cls.__doc__ or "")
    about, _, listed = documentation.partition("Attributes:")
    meanings = dict(_attributes(listed))
    head = ("field", "type", "default", "meaning")[: 4 if listed else 3]
    rows = []
    for field in attrs.fields(cls):
        kind = str(field.type).replace(" | ", " or ")
        cells = (f"`{field.name}`", f"`{kind}`", _default(field), meanings.get(field.name, ""))
        rows.append(" | ".join(cells[: len(head)]))
    return f"### {cls.__name__}\n\n{about.strip()}\n\n{_table(head, rows)}"


def _attributes(listed: str) -> Iterator[tuple[str, str]]:
    """Names and meanings of a docstring's `Attributes:` section."""
    section = inspect.cleandoc(f"\n{listed}").partition("\n\n")[0]
    for entry in re.split(r"\n(?=[a-z_]+: )", section.strip()):
        name, _, meaning = entry.partition(": ")
        yield name.strip(), " ".join(meaning.split())


def _default(field: attrs.Attribute[Any]) -> str:
    if field.default is attrs.NOTHING:
        return "required"
    factory = getattr(field.default, "factory", None)
    if factory is not None:
        return "empty" if inspect.isclass(factory) else ""
    return "" if callable(field.default) else f"`{field.default}`"


def settings(name: str) -> Callable[[], str]:
    """A part with the settings of one of our brokers."""

    def part() -> str:
        spec = Registry().load(name).broker
        module, _, class_name = (spec.settings or "").partition(":")
        rows = []
        for field in attrs.fields(getattr(import_module(module), class_name)):
            default = "–" if field.default is None else f"`{field.default}`"
            variable = field.metadata["environment"]
            shown = f"`{variable}`" if variable else ""
            rows.append(f"`{field.name}` | {default} | {shown} | {field.metadata['title']}")
        return _table(("setting", "default", "environment", "meaning"), rows)

    return part


def credentials(name: str) -> Callable[[], str]:
    """A part with the credentials of one of our brokers."""

    def part() -> str:
        rows = []
        for one in Registry().load(name).broker.credentials:
            when = f', with `{one.when[0]} = "{one.when[1]}"`' if one.when else ""
            rows.append(f"`{one.name}` | {'yes' if one.required else 'no'}{when} | {one.title}")
        return _table(("credential", "required", "what it is"), rows)

    return part


def dialects() -> str:
    """The dialects that come with the broker `csv`; the first comment of each says which file it is for."""
    rows = []
    for file in sorted(ROOT.glob("plugins/csv/src/*/dialects/*.toml")):
        text = file.read_text(encoding="utf-8")
        table = tomllib.loads(text)
        if "name" in table:
            lines = text.partition("\n\n")[0].splitlines()
            first = " ".join(line.lstrip("# ") for line in lines).partition(". ")[0]
            about = f"{_cell(first.removesuffix('.'))} | {_cell(table['evidence'])}"
            seen = dict.fromkeys(table.get(key, "") for key in ("first_seen", "last_seen"))
            rows.append(f"`{table['name']}` | {about} | {' to '.join(filter(None, seen))}")
    return _table(("dialect", "file", "known from", "seen"), rows)


def thresholds() -> str:
    """The shipped thresholds of the triage, as they stand in their file."""
    return f"```toml\n{_triage_file('thresholds.toml').strip()}\n```"


def strategies() -> str:
    """The strategies that the triage knows by name, with their legs."""
    rows = []
    for entry in tomllib.loads(_triage_file("strategy_names.toml"))["strategy"]:
        legs = ", ".join(f"`{leg}`" for leg in entry["legs"])
        rows.append(f"{entry['name']} | {entry.get('mirror', '')} | {legs}")
    return _table(("strategy", "with all signs reversed", "legs"), rows)


def _triage_file(name: str) -> str:
    (file,) = ROOT.glob(f"plugins/triage/src/*/*/{name}")
    return file.read_text(encoding="utf-8")


def modules() -> str:
    """Every module of the core with the first sentence of its docstring."""
    return _modules_of("src/variance_bridge")


def plugin_modules() -> str:
    """Every module of our plugins with the first sentence of its docstring."""
    packages = sorted(path for path in ROOT.glob("plugins/*/src/*") if path.is_dir())
    parts = [(path.name, str(path.relative_to(ROOT))) for path in packages]
    return "\n\n".join(f"### {name}\n\n{_modules_of(folder)}" for name, folder in parts)


def _modules_of(folder: str) -> str:
    root = ROOT / folder
    rows = []
    for file in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).parts):
        inner = file.relative_to(root)
        if "template" in inner.parts:
            continue
        name = ".".join(inner.with_suffix("").parts).removesuffix("__init__").rstrip(".")
        tree = ast.parse(file.read_text(encoding="utf-8"))
        rows.append(f"`{name or root.name}` | {_cell(_summary(ast.get_docstring(tree)))}")
    return _table(("module", "what it is for"), rows)


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    titles = tuple(head)
    lines = [" | ".join(titles), " | ".join("---" for _ in titles), *rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(text: str) -> str:
    """Text that may stand in a cell: a table's own sign is escaped."""
    return text.replace("|", "\\|")


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "exit codes": exit_codes,
    "members": members,
    "kinds": kinds,
    "records": records,
    "modules": modules,
    "plugin modules": plugin_modules,
    "dialects": dialects,
    "thresholds": thresholds,
    "strategies": strategies,
    "settings of csv": settings("csv"),
    **{
        f"{what} of {broker}": generate(broker)
        for broker in ("ibkr", "schwab", "snaptrade", "tastytrade", "tradier")
        for what, generate in (("settings", settings), ("credentials", credentials))
    },
}


def current(page: str) -> str:
    """The page with its generated parts as they should be.

    Raises:
        KeyError: the page asks for a part that does not exist.
    """
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n\n{found[3]}", page)


def outdated() -> dict[Path, str]:
    """The pages whose generated parts are not current, and what they should be."""
    found = {}
    for path in sorted(DOCS.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (wanted := current(page)) != page:
            found[path] = wanted
    return found


def main() -> int:
    """Write the pages, or with `--check` say which are not current."""
    pages = outdated()
    checking = sys.argv[1:] == ["--check"]
    for path, text in pages.items():
        print(f"{path.relative_to(ROOT)}: {'not current' if checking else 'written'}")
        if not checking:
            path.write_text(text, encoding="utf-8")
    if checking and pages:
        print(f"run: {COMMAND}")
    return 1 if checking and pages else 0


if __name__ == "__main__":
    sys.exit(main())
