"""Signed nights computed again from their own files: honest ones agree, whatever was edited under the key's own signature."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import polars as pl
import pytest
from nights import FIRST, nights, rows
from projects import STEPS, night_of, signed

from gov_pipelines.evidence import canonical, dsse, load_signer, read_package
from gov_pipelines.evidence.chain import find_packages
from gov_pipelines.evidence.examine import inspect_package
from gov_pipelines.evidence.package import ENVELOPE, parse_bundle
from gov_pipelines.evidence.predicate import content_digest
from gov_pipelines.evidence.test_result import result_statement
from gov_pipelines.evidence.verification import Checklist
from gov_pipelines.measure import disclosed, tally_digest, tally_from_json, tally_json
from gov_pipelines.measure.counting.tallies import summed
from gov_pipelines.pipeline.recompute import agreement, chain, recompute
from gov_pipelines.store import Home

NOT_RECOMPUTED = {"house/SCORE", "house/READS"}


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return nights(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def home(honest, tmp_path):
    return shutil.copytree(honest, tmp_path / "home")


def snapshots_of(evidence):
    """What `verify` reads there; each package must be sound by itself, so that only recomputing can tell."""
    checks = Checklist()
    packages = find_packages(evidence / "loans", "loans/", checks)[0]
    found = [inspect_package(folder, prefix, None, checks) for folder, prefix in packages]
    assert not [check for check in checks.checks if not check.ok]
    return found


def again(home):
    return recompute(home / "evidence", snapshots_of(home / "evidence"))


def failed(home):
    return {(check.file.removeprefix("loans/2026-09-"), check.rule) for check in again(home)[0] if not check.ok}


def place(home, day, revision=1):
    return home / "evidence" / "loans" / f"2026-09-{day:02}" / f"r{revision}"


def sign_again(home, package, change, files=()):
    """Whoever holds the key edits a statement and covered files, and signs both as if they had always been so."""
    statement = json.loads(parse_bundle((package / ENVELOPE).read_bytes())[0].payload)
    said = statement["predicate"]
    for name, data in dict(files).items():
        (package / name).write_bytes(data)
    kept = [path for path in sorted(package.iterdir()) if path.name != ENVELOPE]
    said["manifest"] = [
        {"name": path.name, "sha256": sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
        for path in kept
    ]
    change(said)
    said["contentDigest"] = content_digest(said)
    signer = load_signer(Home(home).keys_dir)
    lines = [dsse.sign(canonical.dumps(one), signer) for one in (statement, result_statement(statement))]
    (package / ENVELOPE).write_bytes(b"".join(lines))


def control(said, key):
    return next(each for each in said["controls"] if each["control"] == f"house/{key}")


def measured(said, key, row=0):
    return [each for each in said["measurements"] if each["control"] == f"house/{key}"][row]


def test_honest_nights_agree_through_late_rows_missed_windows_and_new_policies(honest):
    checks, left_open = again(honest)
    assert all(check.ok for check in checks), [check for check in checks if not check.ok]
    named = {each.split(": ")[1] for each in left_open if ": not recomputed: " in each}
    assert named == NOT_RECOMPUTED
    assert any("house/FRESHER: not in force" in each for each in left_open)
    assert any("fairlearn" in each for each in left_open)


def test_every_control_and_measurement_is_checked_or_named(honest):
    checks, left_open = again(honest)
    done = Counter((check.rule, check.file) for check in checks)
    for snapshot in snapshots_of(honest / "evidence"):
        said = read_package((honest / "evidence" / snapshot.file).parent).predicate
        for each in said["controls"]:
            assert done["recomputed-verdict", f"{snapshot.file}, {each['control']}"] == 1
        for key in {each["control"] for each in said["measurements"]}:
            assert done["recomputed-measurement", f"{snapshot.file}, {key}"] == (key not in NOT_RECOMPUTED)
    metrics = next(each for each in left_open if "house/READS" in each)
    assert "reads_outside" in metrics


def test_a_night_that_stands_on_counts_signed_only_afterwards_is_told_and_not_refused(tmp_path):
    root = nights(tmp_path).parent
    text = (root / "decisions.csv").read_text() + "later,2026-09-03T11:00:00,denied,0.5,m,r1,10\n"
    seventh = "".join(rows(6))
    (root / "decisions.csv").write_text(text + seventh)
    third, last = (night_of(root, FIRST + timedelta(days=number), environ={}) for number in (2, 6))
    for step in STEPS[:5]:  # the third day is counted again, and breaks off
        step(third)
    signed(last)
    signed(third)
    checks, left_open = again(root / ".gov")
    assert all(check.ok for check in checks), [check for check in checks if not check.ok]
    assert any(
        "2026-09-07/r1" in each and "counts of 2026-09-03 that were signed only afterwards" in each
        for each in left_open
    )


def edit(key, row=0, **changes):
    return lambda said: measured(said, key, row).update(changes)


def judge(key, **changes):
    return lambda said: control(said, key).update(changes)


def drop(key):
    return lambda said: said.update(
        measurements=[each for each in said["measurements"] if each["control"] != f"house/{key}"]
    )


def invent(said):
    said["measurements"].append(measured(said, "DAY") | {"control": "house/MADE-UP"})
    said["measurements"].sort(key=lambda each: each["control"])


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (edit("DAY", -1, value="0.95"), "DAY measurement"),
        (edit("DAY", 0, n=4000), "DAY measurement"),
        (edit("WEEK", 0, p_adjusted="0.9"), "WEEK measurement"),
        (edit("DAY", 0, recomputable=False), "DAY measurement"),
        (edit("SMALL", 0, value="99"), "SMALL measurement"),
        (edit("MOVED", 0, value="0.0000001"), "MOVED measurement"),
        (edit("DAY", 0, note="nothing to see"), "DAY measurement"),
        (edit("NATIVE", 0, value="0.123"), "NATIVE measurement"),
        (drop("DAY"), "DAY measurement"),
        (invent, " measurement"),
        (judge("DAY", verdict="report_only"), "DAY verdict"),
        (judge("DAY", reason="All is well."), "DAY verdict"),
        (judge("DAY", severity="info"), "DAY verdict"),
        (judge("SCORE", verdict="not_applicable"), "SCORE verdict"),  # by the signed measurements it is another
        (judge("READS", verdict="pass"), "READS verdict"),
        (judge("FRESHER", verdict="pass"), "FRESHER verdict"),
        (judge("NATIVE", verdict="fail"), "NATIVE verdict"),
    ],
)
def test_an_edited_statement_is_refused_whoever_signed_it(home, change, wrong):
    package = place(home, 4)
    sign_again(home, package, change)
    key, _, what = wrong.partition(" ")
    where = f"04/r1/{ENVELOPE}" + (f", house/{key}" if key else "")
    assert (where, f"recomputed-{what}") in failed(home)


def with_tally(home, package, change):
    """The tally changed, and the digests that the statement says of it."""
    after = change(tally_from_json((package / "tally.json").read_bytes()))
    after = replace(after, cells=summed([after.cells], after.cells.schema))
    digests = {"sha256": tally_digest(after), "disclosedSha256": tally_digest(disclosed(after, 5)), "discloseMin": 5}
    sign_again(home, package, lambda said: said.update(tally=digests), {"tally.json": tally_json(after)})


def first_denied(tally, **values):
    one = (pl.col("decision") == "denied").cum_sum() == 1
    return tally.cells.with_columns(
        pl.when(one).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()
    )


@pytest.mark.parametrize(
    "values",
    [{"n": 1000}, {"decision": pl.lit("granted"), "outcome": pl.lit("favorable")}, {"outcome": pl.lit("favorable")}],
)
def test_a_tally_edited_in_one_table_does_not_agree_with_itself_or_the_leaves(home, values):
    with_tally(home, place(home, 4), lambda tally: replace(tally, cells=first_denied(tally, **values)))
    assert ("04/r1/tally.json", "tally-adds-up") in failed(home)


def test_a_tally_edited_consistently_contradicts_what_was_measured_of_it(home):
    def granted(tally):
        cells = first_denied(tally, decision=pl.lit("granted"), outcome=pl.lit("favorable"))
        counts = (
            cells.group_by(value="decision")
            .agg(pl.col("n").sum())
            .select(pl.lit("decision").alias("column"), "value", "n")
        )
        kept = tally.categories.filter(pl.col("column") != "decision")
        return replace(tally, cells=cells, categories=pl.concat([kept, counts]).sort("column", "value"))

    with_tally(home, place(home, 3), granted)
    wrong = failed(home)
    assert not [rule for _, rule in wrong if rule == "tally-adds-up"]
    assert (f"03/r1/{ENVELOPE}, house/DAY", "recomputed-measurement") in wrong
    assert (f"04/r1/{ENVELOPE}, house/WEEK", "recomputed-measurement") in wrong


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory):
    """The same nights over a source in which one decision of the first day was turned round, under the same key."""
    return nights(tmp_path_factory.mktemp("rewritten"), flipped=[(0, 5), (0, 7)])


def put_in_place(home, rewritten, day):
    statement = json.loads(parse_bundle((place(rewritten, day) / ENVELOPE).read_bytes())[0].payload)["predicate"]
    shutil.rmtree(place(home, day))
    shutil.copytree(place(rewritten, day), place(home, day))
    sign_again(
        home,
        place(home, day),
        lambda said: said.update(statement | {"manifest": said["manifest"]}),
        {"key.json": (home / "keys" / "signing.pub.json").read_bytes()},
    )


def test_a_day_rewritten_whole_is_contradicted_by_the_windows_of_later_days(home, rewritten):
    put_in_place(home, rewritten, 1)
    wrong = failed(home)
    assert not any(file.startswith("01/") for file, _ in wrong)  # by itself it is consistent
    assert (f"02/r1/{ENVELOPE}, house/WEEK", "recomputed-measurement") in wrong
    assert (f"04/r1/{ENVELOPE}, house/WEEK", "recomputed-measurement") in wrong


def test_a_history_rewritten_whole_agrees_and_that_is_said(rewritten):
    checks, left_open = again(rewritten)
    assert all(check.ok for check in checks)
    assert any("a holder of the signing key changes everywhere at once" in each for each in left_open)


def test_a_policy_left_out_with_all_its_controls_is_named(home):
    package = place(home, 4)
    (package / "policy.house@1.json").unlink()
    sign_again(home, package, lambda said: said.update(policies=[], controls=[], measurements=[]))
    assert any(each.startswith("loans: house: the declaration names it") for each in again(home)[1])


def test_row_accounting_and_texts_that_were_swapped_are_refused(home):
    accounts = json.loads((place(home, 4) / "rows.json").read_bytes())
    sign_again(home, place(home, 4), lambda _: None, {"rows.json": json.dumps(accounts | {"quarantined": 5}).encode()})
    laxer = json.loads((place(home, 3) / "policy.house@1.json").read_bytes())
    laxer["clauses"][0]["control"]["at_least"] = 0.1
    text = canonical.dumps(laxer)

    def swapped(said):
        said["policies"][0]["sha256"] = sha256(text).hexdigest()

    sign_again(home, place(home, 3), swapped, {"policy.house@1.json": text})
    wrong = failed(home)
    assert ("04/r1/rows.json", "ingest-adds-up") in wrong
    assert (f"03/r1/{ENVELOPE}, house/DAY", "recomputed-verdict") in wrong


@pytest.mark.parametrize("name", ["declaration.json", "rows.json"])
def test_a_package_without_what_it_follows_from_is_refused(home, name):
    (place(home, 4) / name).unlink()
    sign_again(home, place(home, 4), lambda _: None)
    assert (f"04/r1/{ENVELOPE}", "recomputed") in failed(home)


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"alarms":1}', b"\xff", b'{"alarms":"x","first":[]}'])
def test_files_that_make_no_sense_are_a_failed_check(home, text):
    sign_again(home, place(home, 4), lambda _: None, {"year.json": text, "rows.json": text})
    wrong = failed(home)
    assert wrong
    assert {file.partition("/")[0] for file, _ in wrong} <= {"04", "06"}


def test_the_words_of_another_version_are_not_compared_but_its_numbers_are(home, monkeypatch):
    monkeypatch.setattr(chain, "code_digest", lambda: "0" * 64)
    sign_again(home, place(home, 4), judge("DAY", reason="Put otherwise."))
    checks, left_open = again(home)
    assert all(check.ok for check in checks)
    assert any("another version of the program" in each for each in left_open)
    sign_again(home, place(home, 4), edit("DAY", -1, value="0.95"))
    assert (f"04/r1/{ENVELOPE}, house/DAY", "recomputed-measurement") in failed(home)


def test_one_package_alone_tells_which_windows_it_cannot_know_and_still_holds_verdicts_to_measurements(home):
    def alone():
        checks = Checklist()
        one = inspect_package(place(home, 4), "", None, checks)
        return recompute(place(home, 4), [one])

    checks, left_open = alone()
    assert all(check.ok for check in checks), [check for check in checks if not check.ok]
    assert any("house/WEEK" in each and "only part of the chain was given" in each for each in left_open)
    sign_again(home, place(home, 4), judge("WEEK", verdict="not_applicable"))
    assert {check.rule for check in alone()[0] if not check.ok} == {"recomputed-verdict"}


def test_of_a_published_package_each_control_is_named_and_verdicts_hold_to_measurements(home):
    for package in (home / "evidence" / "loans").glob("*/r*"):
        if (package / "tally.json").exists():
            merged = disclosed(tally_from_json((package / "tally.json").read_bytes()), 5)
            (package / "tally.disclosed.json").write_bytes(tally_json(merged))
            (package / "tally.json").unlink()
    checks, left_open = again(home)
    assert all(check.ok for check in checks), [check for check in checks if not check.ok]
    for key in ("DAY", "WEEK", "RANGE", "WHOLE", "MOVED", "FRESH"):
        assert any(f"house/{key}: " in each and "small cells" in each for each in left_open), key
    assert not any("house/SMALL: " in each for each in left_open)  # the leaves count it


@pytest.mark.parametrize(
    ("ours", "stated", "equal"),
    [
        (0.8, "0.8", True), (0.8, "0.8000000001", True), (0.8, "0.80001", False), (1e-15, "0", True), (None, None, True), (None, "0", False),
        (0.5, None, False), (0.5, "x", False), (1e12, "1000000010000", False), (("a",), ["a"], True), ({"a": None}, {"a": None}, True), (3, 3, True),
    ],
)  # fmt: skip
def test_numbers_agree_to_a_billionth_and_all_else_exactly(ours, stated, equal):
    assert agreement.same(ours, stated) is equal
