#!/usr/bin/env python3
"""Writes what follows from values.yaml and from the program's own defaults; with --check it only says what is not current.

    tools/chart/generate.py [--check] [CHART]

    values.yaml `# --` comments       -> the table in README.md, the descriptions in values.schema.json
    services/tidemill/default-config.toml -> `config` in values.schema.json, with the comments as descriptions

Reads values.yaml line by line, so it must be written as it is: two spaces for each level, each comment right above its key.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = ROOT / "services" / "tidemill" / "default-config.toml"

# Options that the templates set. `config` does not take them, so that nothing is said in two places.
OWNED = {
    "redis": {"url", "username", "password", "password_file", "ca"},
    "gateway": {"listen", "admin_listen"},
    "worker": {"listen", "admin_listen"},
    "results": {"listen", "admin_listen"},
    "maintenance": {"admin_listen"},
    "tls": {"cert", "key", "client_ca"},
    "shutdown": {"grace"},
}


def documented_values(text):
    """Yields (path, default, description) for each `# --` comment."""
    path, comment, pending = [], None, []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# -- "):
            comment = [stripped[5:]]
        elif stripped.startswith("#"):
            if comment:
                comment.append(stripped[2:])
        elif match := re.match(r"( *)([A-Za-z]+):(.*)", line):
            depth = len(match[1]) // 2
            path[depth:] = [match[2]]
            if comment:
                pending.append((tuple(path), match[3].strip(), " ".join(comment)))
            elif pending and pending[-1][0] == tuple(path[:-1]):
                # A default in more than one line.
                name, default, text = pending[-1]
                pending[-1] = (name, f"{default}, {stripped}".lstrip(", "), text)
            comment = None
        elif not stripped:
            comment = None
    for name, default, text in pending:
        if not default or re.match(r"[A-Za-z]+: ", default):
            default = "{" + default + "}"
        yield name, default, text


def table(values):
    rows = ["| value | default | what |", "|---|---|---|"]
    for path, default, text in values:
        rows.append(f"| `{'.'.join(path)}` | `{default}` | {text} |")
    return "\n".join(rows)


def readme(chart, values):
    text = (chart / "README.md").read_text()
    begin, end = "<!-- values: made by tools/chart/generate.py -->\n", "<!-- end of values -->"
    head, rest = text.split(begin)
    return head + begin + table(values) + "\n" + rest[rest.index(end) :]


def option(default, description):
    """The schema of one option, by the type of its default."""
    if isinstance(default, bool):
        kind = {"type": "boolean"}
    elif isinstance(default, int):
        kind = {"type": "integer", "minimum": 0}
    elif isinstance(default, float):
        kind = {"type": "number", "minimum": 0}
    elif isinstance(default, list):
        kind = {"type": "array", "items": {"type": "string"}}
    elif re.fullmatch(r"\d+(ms|s|m|h|d)", default):
        kind = {"type": "string", "pattern": "^(0|[0-9]+(ms|s|m|h|d))$"}
    elif re.fullmatch(r"0|\d+(B|KiB|MiB|GiB)", default):
        kind = {"type": "string", "pattern": "^(0|[0-9]+(B|KiB|MiB|GiB))$"}
    else:
        kind = {"type": "string"}
    return kind | {"description": f"{description} Default: {json.dumps(default)}."}


def config_schema():
    text = DEFAULTS.read_text()
    defaults = tomllib.loads(text)
    comments, section, lines = {}, "", []
    for line in text.splitlines():
        if line.startswith("["):
            section, lines = line.strip("[]"), []
        elif line.startswith("#"):
            lines.append(line.lstrip("# "))
        elif " = " in line:
            comments[section, line.split(" = ")[0]] = " ".join(lines)
            lines = []
    sections = {}
    for section, options in defaults.items():
        taken = {
            key: option(value, comments[section, key])
            for key, value in options.items()
            if key not in OWNED.get(section, ())
        }
        if taken:
            sections[section] = {"type": "object", "additionalProperties": False, "properties": taken}
    return {"type": "object", "additionalProperties": False, "properties": sections}


def describe(schema, path, text):
    """Puts a description at the place of a value; what several values share keeps that of the first."""
    node = schema
    for key in path:
        if "$ref" in node:
            node = schema["definitions"][node["$ref"].rsplit("/", 1)[1]]
        node = node["properties"][key]
    if "$ref" in node:
        # draft-07 ignores what stands beside a $ref, for people and editors it does not.
        node.setdefault("description", text)
    elif path[0] not in ("worker", "results"):
        node["description"] = text


def schema(chart, values):
    whole = json.loads((chart / "values.schema.json").read_text())
    whole["definitions"]["config"] = config_schema()
    for path, _, text in values:
        describe(whole, path, text)
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def main():
    check = "--check" in sys.argv[1:]
    chart = Path(next((argument for argument in sys.argv[1:] if argument != "--check"), ROOT / "helm" / "tidemill"))
    values = list(documented_values((chart / "values.yaml").read_text()))
    stale = []
    for name, text in (("README.md", readme(chart, values)), ("values.schema.json", schema(chart, values))):
        if (chart / name).read_text() == text:
            continue
        stale.append(name)
        if not check:
            (chart / name).write_text(text)
    if check and stale:
        sys.exit(f"not current: {', '.join(stale)}: run tools/chart/generate.py")


if __name__ == "__main__":
    main()
