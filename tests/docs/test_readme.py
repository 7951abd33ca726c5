"""What the README and the docs name exists, and what exists is named."""

import re

import click
import pytest
from command import ROOT, told

from gov_pipelines.cli.app import COMMANDS
from gov_pipelines.cli.app import gov as frame

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "assets" / "README.md"]
README = (ROOT / "README.md").read_text()


def test_every_command_is_in_the_table_and_none_that_does_not_exist():
    assert set(re.findall(r"^\| `gov ([\w-]+)", README, re.MULTILINE)) == set(COMMANDS)


def subcommands(name, words):
    """The words after a command that are commands of its own, and of theirs."""
    command, found = frame.get_command(click.Context(frame), name), []
    for word in words:
        if not isinstance(command, click.Group) or word not in command.commands:
            break
        command = command.commands[word]
        found.append(word)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_in_the_docs_exist(page, tmp_path):
    for line in re.findall(r"(?:^\$ |`)gov ((?:[\w-]+)[^`\n]*)", page.read_text(), re.MULTILINE):
        name, *rest = line.split()
        assert name in COMMANDS, f"{page.name}: gov {line}"
        options = [re.sub(r"[=,.;)].*", "", word) for word in rest if word.startswith("--")]
        if options:
            text = told(name, *subcommands(name, rest), "--help", home=tmp_path, check=0).stdout
            assert all(option in text for option in options), f"{page.name}: gov {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_make_targets_in_the_docs_exist():
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"(?:^\$ |`)make ([a-z-]+)", page.read_text(), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"


def test_nothing_promises_conformity():
    for page in [*PAGES, *(ROOT / "gov_pipelines").rglob("*.py"), *(ROOT / "gov_pipelines").rglob("*.j2")]:
        assert not re.search(r"\b(is|are|fully|now) compliant\b", page.read_text(), re.IGNORECASE), page
