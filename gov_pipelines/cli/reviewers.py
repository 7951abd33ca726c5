"""`gov reviewers`: how people review, and signs that nobody looks."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime

import click
import polars as pl

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import DAY
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.reviewing import Reviewer, review_measurements, reviewers
from gov_pipelines.people import acts_of
from gov_pipelines.people.reviewing import review_rows
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.report.words import measurement_sentence
from gov_pipelines.store import read_frame, reading


@click.command("reviewers")
@click.argument("system")
@click.option("--from", "start", type=DAY, help="First day; default: the first audited one.")
@click.option("--to", "end", type=DAY, help="Last day, inclusive; default: the last audited one.")
@click.option("--json", "as_json", is_flag=True, help="Print measurements and reviewers as JSON.")
def reviewers_command(system: str, start: datetime | None, end: datetime | None, as_json: bool) -> None:
    """Say how often reviewers override, by group and by person, how long a case takes, and who looks like a rubber stamp.

    A sign is a reason to ask, no finding. The output names reviewers.

    \b
    Example:
      gov reviewers mortgage_underwriting
      gov reviewers mortgage_underwriting --from 2026-09-01 --to 2026-09-15
    """
    place = workplace()
    declaration = place.system(system)
    reviews = _reviews(place, declaration, start and start.date(), end and end.date())
    measured = review_measurements(reviews, tuple(declaration.attributes_in_log))
    people = reviewers(reviews)
    persons = reviews["reviewer"].n_unique()
    by = "1 person" if persons == 1 else f"{persons:,} people"
    lines = [f"{_counted(reviews.height)} of {system} by {by}."]
    if left_out := reviews.height - sum(each.reviews for each in people):
        lines.append(f"  {left_out:,} left out below: the log has no `proposed_decision` to hold the decision against.")
    lines += [*(f"  {measurement_sentence(row, 'all reviews')}" for row in measured), *map(_person, people)]
    answer(as_json, {"measurements": list(map(asdict, measured)), "reviewers": list(map(asdict, people))}, *lines)


def _reviews(place: Workplace, declaration: SystemDeclaration, start: date | None, end: date | None) -> pl.DataFrame:
    logs = place.home.audited(declaration.system, "decision_log.parquet")
    day = declaration.calendar.day
    days = [file for each, file in logs.items() if (start or date.min) <= day(each) <= (end or date.max)]
    if not days:
        raise WrongUse(f"No day of {declaration.system} was audited then. Run `gov audit {declaration.system}`.")
    with reading(place.engine) as connection:
        signed = acts_of(connection, place.roster(connection), "review", declaration.system)
    log = pl.concat([read_frame(file) for file in days], how="diagonal")
    return review_rows(log, signed, tuple(declaration.attributes_in_log))


def _person(each: Reviewer) -> str:
    rate = "no rate" if each.rate is None else f"overrides {each.rate:.1%}"
    time = "no times" if each.median_seconds is None else f"median {each.median_seconds:,.0f} s over {each.timed:,}"
    run = f"longest run without one {each.longest_agreement:,}"
    signs = "".join(f"\n    sign: {sign}" for sign in each.signs)
    return f"  {each.name}: {_counted(each.reviews)}, {rate}, {run}, {time}{signs}"


def _counted(reviews: int) -> str:
    return f"{reviews:,} review{'s' * (reviews != 1)}"
