"""The command's frame: commands load when called, errors speak to people, exit codes mean what the design says."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gov_pipelines import __version__
from gov_pipelines.errors import ConfigurationError, GovError, unquoted
from gov_pipelines.project import Project, find_project


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is in the code and in the help."""

    module: str
    group: str
    summary: str


COMMANDS: Mapping[str, Place] = {
    "demo": Place("demo.command", "Start here", "audit real public decisions and print what was found"),
    "simulate": Place("simulate.command", "Start here", "write a project of made-up decisions with known faults"),
    "init": Place("init", "Start here", "draft a system from a data file"),
    "audit": Place("audit", "Audit", "run the nightly audit of one system, for a day or a range"),
    "metrics": Place("metrics", "Audit", "measure the decisions in any CSV or Parquet file, by group"),
    "drift": Place("drift", "Audit", "say how far the columns of one file have moved from those of another"),
    "lint": Place("lint", "Audit", "find every mistake in declarations and policies"),
    "diff": Place("diff", "Audit", "say what became stricter or laxer between two policies"),
    "schema": Place("schema", "Audit", "write the JSON Schemas that let an editor complete policies and systems"),
    "compile": Place("lint", "Audit", "write the Great Expectations suites of the policies"),
    "selftest": Place("selftest", "Audit", "plant a breach for every control and see it caught"),
    "grants": Place("grants", "Audit", "print least-privilege SQL for a system's role, or what it can read beyond"),
    "access": Place("access", "Audit", "show who read what outside, newly or unusually, with names"),
    "export-intake": Place("export_intake", "Audit", "write what a system may read and decide, for the system to obey"),
    "gaps": Place("gaps", "Audit", "show which clauses no control enforces"),
    "bias-audit": Place("bias_audit", "Prove", "prepare tables of New York's Local Law 144, or check published ones"),
    "report": Place("report", "Audit", "write the pages: gaps first"),
    "explain": Place("explain", "Prove", "say of one decision which clauses judged it, and how"),
    "prove": Place("prove", "Prove", "write the proof of one decision, showing only what is asked"),
    "verify": Place("verify", "Prove", "check signed snapshots, their ledger, or a proof"),
    "reproduce": Place("reproduce", "Prove", "audit a signed partition again from its kept inputs, and compare"),
    "bundle": Place("bundle", "Prove", "copy signed evidence for an auditor, or to publish"),
    "ledger": Place("ledger", "Prove", "show, publish and check the ledger; ask witnesses"),
    "witness": Place("witness", "Prove", "as a second party, cosign a ledger that only grows"),
    "gate": Place("gate", "People", "say whether a system may be live; sign for it"),
    "review": Place("review", "People", "show what waits for a person; approve, override, release"),
    "reviewers": Place("reviewers", "People", "say how people review, and who looks like a rubber stamp"),
    "obligations": Place("obligations", "People", "show what people owe: done, due or overdue"),
    "attest": Place("attest", "People", "sign that you did what a clause asks of people"),
    "findings": Place("findings", "People", "show what failed, who sees to it and until when; accept, report"),
    "concern": Place("concern", "People", "say that something looks wrong; anybody may"),
    "waive": Place("waive", "People", "set a clause aside for a time, with two signatures"),
    "alerts": Place("alerts", "Operate", "show what was told and is not over; try the receivers"),
    "ack": Place("ack", "Operate", "say that you have seen a page and see to it"),
    "doctor": Place("doctor", "Operate", "check what every night stands on, and say what to do"),
    "backup": Place("backup", "Operate", "copy the home, and read the copy back"),
    "restore": Place("backup", "Operate", "make a home of a backup, verified"),
    "erase": Place("erase", "Operate", "delete what is kept of a decision or a person; signed"),
    "retention": Place("erase", "Operate", "show how long decisions are kept, and what is over"),
    "keys": Place("keys", "Operate", "make, show and rotate the signing key; enrol people with theirs"),
}


class _Commands(click.Group):
    """A group whose commands are imported when they are called: `gov --help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module = importlib.import_module(f"gov_pipelines.cli.{place.module}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415  (only a mistyped command needs it)

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            ctx.fail(f"There is no command `{args[0]}`.{hint} See gov --help.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        for group in dict.fromkeys(place.group for place in COMMANDS.values()):
            with formatter.section(group):
                formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items() if place.group == group])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gov")
def gov() -> None:
    """Audit AI decisions: every clause a control, every decision a verdict, every day a signed snapshot.

    \b
    Example:
      gov demo
      gov gaps
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process with the documented exit code."""
    try:
        code = gov.main(args=list(arguments) if arguments is not None else None, prog_name="gov", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except GovError as error:
        click.echo(_in_words(error), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"{place}{error.strerror or error}. Check that the path exists and that you may use it.", err=True)
        sys.exit(2)
    except Exception:  # a traceback is printed, without a text that may quote a row
        with unquoted():
            raise
    sys.exit(code if isinstance(code, int) else 0)


def _in_words(error: GovError) -> str:
    if isinstance(error, ConfigurationError):
        count = len(error.mistakes)
        return f"{error}\n{count} mistake{'s' if count != 1 else ''}. Nothing was run."
    return str(error)


def here() -> Project:
    """The project the command is called in."""
    return find_project(os.environ, Path.cwd())


def answer(as_json: bool, data: Any, *lines: str) -> None:
    """What a command found: JSON alone on standard output, or lines for people."""
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False, default=str))
    else:
        click.echo("".join(f"{line}\n" for line in lines), nl=False)
