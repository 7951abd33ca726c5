"""One snapshot: what it says is edited, swapped, hidden or told otherwise."""

import base64
import json
import os
from datetime import UTC, datetime
from hashlib import sha256

from attacks.case import RECOMPUTE, attack
from attacks.forging import (
    REWRITTEN,
    Story,
    edited_control,
    edited_row,
    good_night,
    history_of_his_own,
    second_of,
    sixth,
)

from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.package import ENVELOPE, parse_bundle
from gov_pipelines.people import Act, sign_act


def _edit_payload(package, old: bytes, new: bytes):
    """Edit the signed bytes, and leave the signature as it was."""
    first, second = (package / ENVELOPE).read_bytes().splitlines(keepends=True)
    said = json.loads(first)
    payload = base64.b64decode(said["payload"])
    assert old in payload
    said["payload"] = base64.b64encode(payload.replace(old, new)).decode()
    (package / ENVELOPE).write_bytes(canonical.dumps(said) + b"\n" + second)


@attack(1, by="signature")
def a_measurement_is_edited(world):
    """The impact ratio of the bad night is 0.833 in the payload; nothing is signed anew."""
    _edit_payload(world.package(3), b'"value":"0.333333333333"', b'"value":"0.833333333333"')


@attack(1, by="signature")
def a_verdict_is_edited(world):
    """The bad night's verdict is pass in the payload; nothing is signed anew."""
    _edit_payload(world.package(3), b'"verdict":"fail"', b'"verdict":"pass"')


@attack(1, by="ledger-snapshot")
def a_verdict_is_edited_and_the_package_signed_anew(world):
    """Package and test result are signed anew with the online key; the ledger is as it was."""
    kept = world.copy(world.evidence.parent / "kept")
    story = Story.of(world)
    edited_control(story.night(3), verdict="pass")
    story.write()
    second_of(world.ledger, kept.ledger)


@attack(1, by={**REWRITTEN, RECOMPUTE: "recomputed-measurement"})
def a_measurement_is_edited_in_a_history_of_his_own(world):
    """Everything from the bad night on is signed anew, on a second root version that asks for no witness and no clock."""
    story = history_of_his_own(world)
    edited_row(story.night(3), value="0.833333333333")
    story.write()


@attack(1, by={**REWRITTEN, RECOMPUTE: "recomputed-verdict"})
def a_verdict_is_edited_in_a_history_of_his_own(world):
    """As before; the measurement stays, the verdict on it is pass."""
    story = history_of_his_own(world)
    edited_control(story.night(3), verdict="pass")
    story.write()


@attack(1, 10, by={**REWRITTEN, RECOMPUTE: "recomputed-measurement"})
def a_tally_and_the_measurement_are_edited_together(world):
    """Three denials of the worse group become grants in the counts, and the measured ratio follows; all is signed anew."""
    story = history_of_his_own(world)
    night = story.night(3)

    def grant(counts):
        for cell in (*counts["cells"], *counts["categories"]):
            if cell[0] in {"m", "decision"}:
                cell[-1] += 3 if cell[1] == "granted" else -3

    night.tally(grant)
    edited_row(night, value="0.833333333333")
    story.write()


@attack(1, 2, 10, by=REWRITTEN)
def a_bad_night_is_replaced_by_a_good_one_everywhere(world):
    """Decisions, counts, measurements, verdicts of the bad night are those of a good one; everything agrees, so that
    recomputing finds nothing."""
    story = history_of_his_own(world)
    good_night(story, 3)
    story.write()


@attack(1, by={RECOMPUTE: "recomputed-measurement"}, alone=True)
def a_new_night_is_signed_with_a_measurement_that_was_not_measured(world):
    """The lie is told at once, so that witnesses and clocks see nothing else; the counts beside it say otherwise."""
    story = Story.of(world)
    edited_row(sixth(story), value="0.999")
    story.write()


@attack(1, by={RECOMPUTE: "recomputed-verdict"}, alone=True)
def a_new_night_is_signed_with_a_verdict_that_was_not_reached(world):
    """As before, with a warning in place of what the measurement amounts to."""
    story = Story.of(world)
    edited_control(sixth(story), verdict="warn")
    story.write()


@attack(1, by="controls-complete", alone=True)
def a_control_is_there_twice(world):
    """A new night holds two verdicts on one control: first pass, for who reads the first, then what was found."""
    story = Story.of(world)
    controls = sixth(story).said["controls"]
    controls.insert(0, controls[0] | {"reason": "It was looked into.", "verdict": "pass"})
    story.write()


@attack(1, by="predicate-fields")
def a_night_with_other_limits(world):
    """A new night says under `limits` that it was certified, where every snapshot says what its results are not."""
    story = Story.of(world)
    sixth(story).said["limits"] = "Certified."
    story.write()


@attack(23, by="as-of", alone=True)
def a_night_is_judged_as_of_before_it_began(world):
    """A new night is judged as of days before it, when none of its clocks had run."""
    story = Story.of(world)
    sixth(story).said["asOf"] = "2026-09-01T00:00:00Z"
    story.write()


@attack(4, by={RECOMPUTE: "recomputed"}, alone=True)
def another_span_of_time(world):
    """A new night says that its day began and ended a day before."""
    story = Story.of(world)
    sixth(story).said["partition"] |= {"start": "2026-09-05T00:00:00Z", "end": "2026-09-06T00:00:00Z"}
    story.write()


@attack(1, by={RECOMPUTE: "recomputed-measurement"}, alone=True)
def a_measurement_that_no_control_asked_for(world):
    """A new night holds a favourable measurement of a control that does not exist."""
    story = Story.of(world)
    measurements = sixth(story).said["measurements"]
    measurements.append(measurements[0] | {"control": "house/NONE", "value": "0.99"})
    story.write()


@attack(1, by={RECOMPUTE: "recomputed-verdict"}, alone=True)
def a_verdict_that_no_policy_asked_for(world):
    """A new night holds the verdict pass on a control that does not exist."""
    story = Story.of(world)
    controls = sixth(story).said["controls"]
    controls.append(controls[-1] | {"control": "house/ZERO", "verdict": "pass"})
    story.write()


@attack(1, 16, by="test-result-agrees", alone=True)
def only_the_test_result_is_edited(world):
    """The second line, which other programs read, says PASSED of a night that failed; it is signed."""
    story = Story.of(world)
    sixth(story).lie_twice = lambda second: second["predicate"].update(
        result="PASSED", warnedTests=[], passedTests=["x"]
    )
    story.write()


@attack(4, 16, by="test-result-agrees", alone=True)
def the_test_result_is_of_another_night(world):
    """The second line is that of the night before, signature and all."""
    other = parse_bundle((world.package(5) / ENVELOPE).read_bytes())[1]
    story = Story.of(world)
    sixth(story).lie_twice = lambda _: json.loads(other.payload)
    story.write()


@attack(1, by="content-digest", alone=True)
def the_content_digest_is_kept_while_the_content_changed(world):
    """The digest of the night before stands in the new one, as if the same had been found."""
    story = Story.of(world)
    digest = story.night(5).said["contentDigest"]
    sixth(story).lie = lambda whole: whole["predicate"].update(contentDigest=digest)
    story.write()


@attack(4, 16, by="subject-root", alone=True)
def the_subject_is_another_day(world):
    """The statement says that it is about the decisions of the night before."""
    story = Story.of(world)
    night = sixth(story)
    night.lie = lambda whole: whole["subject"][0].update(name="decisions/loans/2026-09-05")
    night.lie_twice = lambda second: second["subject"][0].update(name="decisions/loans/2026-09-06")
    story.write()


@attack(10, by="manifest-sha256")
def the_declaration_is_swapped(world):
    """Another group of persons is declared to be protected, in the file beside the signed snapshot."""
    file = world.package(3) / "declaration.json"
    file.write_bytes(file.read_bytes().replace(b'"sex"', b'"age"'))


@attack(10, by="declaration-sha256", alone=True)
def the_declaration_is_swapped_and_signed(world):
    """A new night covers another declaration than the one whose digest it states."""
    story = Story.of(world)
    night = sixth(story)
    night.files["declaration.json"] = night.files["declaration.json"].replace(b'"sex"', b'"age"')
    story.write()


@attack(10, by="manifest-sha256", alone=True)
def the_row_accounting_is_edited(world):
    """rows.json says that one row more was handed over."""
    file = world.package(3) / "rows.json"
    file.write_bytes(file.read_bytes().replace(b'"source_count": 16', b'"source_count": 17'))


@attack(10, by="ingest-adds-up", alone=True)
def rows_that_do_not_add_up(world):
    """A new night states twenty rows at the source, and accounts for sixteen."""
    story = Story.of(world)
    sixth(story).said["ingest"]["sourceCount"] = 20
    story.write()


@attack(10, by={RECOMPUTE: "ingest-adds-up"})
def rows_are_set_aside_that_were_not_there(world):
    """A new night states four rows more at the source, and that they were quarantined; the files that it covers say no such
    thing."""
    story = Story.of(world)
    sixth(story).said["ingest"] |= {"sourceCount": 20, "quarantined": 4}
    story.write()


@attack(10, by="decisions-accepted", alone=True)
def more_is_accepted_than_there_are_leaves(world):
    """A new night states seventeen accepted decisions; there are sixteen leaves."""
    story = Story.of(world)
    sixth(story).said["ingest"] |= {"accepted": 17, "sourceCount": 17}
    story.write()


@attack(10, by="tally-digest", alone=True)
def the_counts_are_not_those_that_were_digested(world):
    """The tally in a new package is another than the one whose digest the snapshot states."""
    story = Story.of(world)
    night = sixth(story)
    night.files["tally.json"] = night.files["tally.json"].replace(b'"granted"', b'"grantee"')
    story.write()


@attack(10, by="tally-digest")
def a_published_tally_is_not_merged_as_signed(world):
    """In place of the counts stands a published tally, whose small cells are others than the signed digest is of."""
    (world.package(3) / "tally.json").rename(world.package(3) / "tally.disclosed.json")


@attack(10, by="manifest-complete", alone=True)
def a_file_is_added(world):
    """Beside the covered files lies one that nothing covers."""
    (world.package(3) / "correction.json").write_text("{}")


@attack(10, by="manifest-sha256", alone=True)
def a_file_is_removed(world):
    """The declaration is gone from a package."""
    (world.package(3) / "declaration.json").unlink()


@attack(10, 26, by="manifest-sha256", alone=True)
def a_symbolic_link_stands_for_a_file(world):
    """A covered file is a link to the very same content elsewhere, which may change when nobody looks."""
    file = world.package(3) / "declaration.json"
    file.rename(world.evidence.parent / "elsewhere")
    file.symlink_to(world.evidence.parent / "elsewhere")


@attack(10, 26, by="manifest-sha256", alone=True)
def a_pipe_stands_for_a_file(world):
    """A covered file is a pipe, at which a careless reader would wait for ever."""
    file = world.package(3) / "declaration.json"
    file.unlink()
    os.mkfifo(file)


@attack(10, 26, by="manifest-sha256", alone=True)
def an_endless_device_stands_for_a_file(world):
    """A covered file leads to a device that never ends."""
    file = world.package(3) / "declaration.json"
    file.unlink()
    file.symlink_to("/dev/zero")


@attack(10, 26, by="manifest-names")
def a_manifest_leads_out_of_its_package(world):
    """The signed manifest of a new night names a file of the night before, by a path with dots."""
    story = Story.of(world)
    other = (world.package(5) / "rows.json").read_bytes()
    entry = {"name": "../../2026-09-05/r1/rows.json", "sha256": sha256(other).hexdigest(), "bytes": len(other)}
    sixth(story).lie = lambda whole: whole["predicate"]["manifest"].insert(0, entry)
    story.write()


@attack(16, by="payload-type", alone=True)
def a_payload_of_another_type(world):
    """A new night is signed as the type of what people sign, so that it could pass for an act."""
    story = Story.of(world)
    sixth(story).kind = "application/vnd.gov-pipelines.act+json"
    story.write()


@attack(16, by="payload-type")
def an_act_is_shown_as_a_snapshot(world):
    """What somebody signed as an act stands where the snapshot's envelope was."""
    file = world.package(5) / ENVELOPE
    act = sign_act(Act("approve", "own", "head", datetime.now(UTC), "loans", {"state": "live"}), world.online)
    file.write_bytes(act.rstrip(b"\n") + b"\n" + file.read_bytes().splitlines(keepends=True)[1])


@attack(16, by="predicate-type")
def the_test_result_is_shown_as_the_snapshot(world):
    """The second envelope, soundly signed, stands in the place of the first."""
    file = world.package(5) / ENVELOPE
    second = file.read_bytes().splitlines(keepends=True)[1]
    file.write_bytes(second + second)


@attack(16, by="predicate-type", alone=True)
def a_predicate_of_another_version(world):
    """A new night says that it is of the format v0.2, whose rules nobody knows."""
    story = Story.of(world)
    sixth(story).lie = lambda whole: whole.update(predicateType=whole["predicateType"].replace("v0.1", "v0.2"))
    story.write()


@attack(16, by="predicate-fields")
def a_predicate_with_a_field_that_nobody_checks(world):
    """A new night carries a field `waived` that a careless reader may honour."""
    story = Story.of(world)
    sixth(story).lie = lambda whole: whole["predicate"].update(waived=["house/FAIR"])
    story.write()


@attack(17, by="keyid")
def an_envelope_names_another_key(world):
    """The keyid, which nothing signs, is that of another key."""
    file = world.package(5) / ENVELOPE
    file.write_bytes(file.read_bytes().replace(world.online.public.keyid.encode(), world.strange.public.keyid.encode()))


@attack(15, 17, by="keyid")
def a_keyid_in_capitals(world):
    """The keyid, which nothing signs, is in capital letters."""
    file, keyid = world.package(5) / ENVELOPE, world.online.public.keyid.encode()
    file.write_bytes(file.read_bytes().replace(keyid, keyid.upper()))


@attack(17, by="envelope-canonical")
def one_key_signs_an_envelope_twice(world):
    """The envelope holds the same signature under two keyids, as if two had signed."""
    file = world.package(5) / ENVELOPE
    first, second = file.read_bytes().splitlines(keepends=True)
    said = json.loads(first)
    said["signatures"].append(said["signatures"][0] | {"keyid": world.strange.public.keyid})
    file.write_bytes(canonical.dumps(said) + b"\n" + second)
