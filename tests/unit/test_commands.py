"""The command line and what is written of it: every command and option in README and docs exists, and the reverse."""

from __future__ import annotations

import re

import pytest
import typer
from conftest import PROJECT

from regulars.cli import app, commands_page

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
CALL = re.compile(r"(?<!from )\bregulars +([a-z][a-z-]*)((?: +[^\s`|#]+)*)")


def commands() -> dict[str, set[str]]:
    """Names of all commands, those of groups as `group command`, and their options."""
    found: dict[str, set[str]] = {}

    def walk(command, name: str) -> None:
        found[name] = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for child in getattr(command, "commands", {}).values():
            walk(child, f"{name} {child.name}".strip())

    walk(typer.main.get_command(app), "")
    return found


def calls(text: str) -> list[tuple[str, list[str]]]:
    """Commands and options in the code of a page."""
    known = commands()
    found = []
    for code in CODE.findall(text):
        for command, rest in CALL.findall(code.replace("\\\n", " ")):
            words = rest.split()
            name = f"{command} {words[0]}" if words and f"{command} {words[0]}" in known else command
            found.append(
                (name, [word.strip("[],.;").split("=")[0] for word in words if word.lstrip("[").startswith("--")])
            )
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_that_pages_name_exist(page):
    known = commands()
    for command, options in calls(page.read_text(encoding="utf-8")):
        assert command in known, f"{page.name} names `regulars {command}`"
        assert set(options) <= known[command] | {"--help"}, f"{page.name}: regulars {command} {options}"


def test_the_page_of_commands_is_what_the_command_line_says():
    assert (PROJECT / "docs" / "commands.md").read_text(encoding="utf-8") == commands_page(), "run `make docs`"
    for command, options in commands().items():
        assert f"`regulars {command}".rstrip() in commands_page()
        assert all(option in commands_page() for option in options)


def test_readme_lists_every_command():
    table = (PROJECT / "README.md").read_text(encoding="utf-8").split("## The command line")[1].split("Exit status")[0]
    for command in commands():
        assert all(word in table for word in command.split()), command


def test_a_page_that_names_what_is_not_there_is_found():
    assert calls("`regulars refresh --home x --nonsense`") == [("refresh", ["--home", "--nonsense"])]
    assert calls("`regulars quarantine list --zh`") == [("quarantine list", ["--zh"])]
    assert calls("```sh\nregulars fly --high\n```") == [("fly", ["--high"])]
