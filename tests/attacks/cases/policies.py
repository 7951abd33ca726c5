"""Policies swapped, weakened under their version, used before they were in the ledger, or left out."""

from hashlib import sha256

from attacks.case import RECOMPUTE, attack
from attacks.forging import REWRITTEN, Story, history_of_his_own, sixth

from gov_pipelines.evidence.entries import policy_entry

FILE = "policy.house@2.json"
LAXER = (b'"at_least":0.75', b'"at_least":0.25')


def _laxer(night):
    """The same version with another limit: text, digest, verdict and its words."""
    night.files[FILE] = night.files[FILE].replace(*LAXER)
    (policy,) = night.said["policies"]
    policy["sha256"] = sha256(night.files[FILE]).hexdigest()
    for control in night.said["controls"]:
        control["threshold"] = control["threshold"].replace("0.75", "0.25")
        control["reason"] = control["reason"].replace("below 0.75", "at least 0.25").replace("0.75", "0.25")
        control["verdict"] = "pass" if control["verdict"] == "fail" else control["verdict"]
    return policy


def _third_version(night):
    """A version that is new and lax."""
    policy = _laxer(night)
    night.files["policy.house@3.json"] = night.files.pop(FILE).replace(b'"version":2', b'"version":3')
    policy |= {"version": 3, "sha256": sha256(night.files["policy.house@3.json"]).hexdigest()}
    for control in night.said["controls"]:
        control["policyVersion"] = 3
    return policy


@attack(5, by="manifest-sha256")
def a_policy_is_edited(world):
    """One figure of the policy beside the signed snapshot is another one."""
    file = world.package(3) / FILE
    file.write_bytes(file.read_bytes().replace(*LAXER))


@attack(5, by="policy-sha256")
def a_policy_is_edited_and_its_package_signed(world):
    """A new night covers a laxer text than the one whose digest it states."""
    story = Story.of(world)
    night = sixth(story)
    night.files[FILE] = night.files[FILE].replace(b'"Fair by day."', b'"Fair by week."')
    story.write()


@attack(5, 6, by="policy-digest-per-version", alone=True)
def a_policy_is_edited_under_its_version(world):
    """From a new night on version 2 asks for less, and stands in the ledger with its new digest."""
    story = Story.of(world)
    night = sixth(story)
    story.told.insert(-1, policy_entry(_laxer(night)))
    story.write()


@attack(5, by=REWRITTEN)
def a_policy_is_swapped_for_a_laxer_one_everywhere(world):
    """Version 2 has always asked for less: texts, digests, verdicts and the ledger are signed anew with the online key."""
    story = history_of_his_own(world)
    for system in ("loans", "cards"):
        for night in story.nights(system):
            if FILE in night.files:
                policy = _laxer(night)
    place = next(place for place, each in enumerate(story.told) if isinstance(each, bytes) and b'"version":2' in each)
    story.told[place] = policy_entry(policy)
    story.write()


@attack(5, 6, by="ledger-policy", alone=True)
def a_policy_is_used_before_its_entry(world):
    """A new version judges a night, and comes into the ledger after it."""
    story = Story.of(world)
    story.told.append(policy_entry(_third_version(sixth(story))))
    story.write()


@attack(6, by="ledger-policy", alone=True)
def a_policy_is_weakened_silently(world):
    """A new version judges a night, and never comes into the ledger."""
    story = Story.of(world)
    _third_version(sixth(story))
    story.write()


@attack(6, by="ledger-policy", alone=True)
def a_policy_claims_to_have_been_recorded_earlier(world):
    """A new night says that its policy was recorded months before it was, and so before the window that it judged."""
    story = Story.of(world)
    said = sixth(story).said
    said["policies"][0]["recordedAt"], said["retroactive"] = "2026-01-01T00:00:00Z", False
    story.write()


@attack(6, by="ledger-policy", alone=True)
def a_policy_claims_another_time_in_force(world):
    """A new night says that its policy has been in force since January."""
    story = Story.of(world)
    sixth(story).said["policies"][0]["inForceFrom"] = "2026-01-01"
    story.write()


@attack(6, 23, by="retroactive", alone=True)
def a_policy_of_afterwards_is_passed_off_as_one_of_before(world):
    """A new night whose policy was recorded after its window does not say so."""
    story = Story.of(world)
    sixth(story).said["retroactive"] = False
    story.write()


@attack(5, by="controls-complete", alone=True)
def a_policy_is_not_in_the_package(world):
    """A new night states a policy, and does not hold its text."""
    story = Story.of(world)
    del sixth(story).files[FILE]
    story.write()


@attack(6, by="controls-complete", alone=True)
def a_clause_is_left_out(world):
    """A new night holds no verdict on fairness, and its policy asks for one."""
    story = Story.of(world)
    said = sixth(story).said
    said["controls"] = [each for each in said["controls"] if each["control"] != "house/FAIR"]
    story.write()


@attack(6, by="ledger-policy-newest", alone=True)
def a_night_without_its_policy(world):
    """A new night names no policy at all, and so no control: nothing was asked of the system, it seems."""
    story = Story.of(world)
    night = sixth(story)
    del night.files[FILE]
    night.said |= {"policies": [], "controls": [], "measurements": [], "retroactive": False}
    night.said["decisions"]["counts"] = {}
    night.leaves(lambda leaves: leaves.__setitem__(slice(None), [_unjudged(each) for each in leaves]))
    story.write()


@attack(5, 6, by="policies-in-force", alone=True)
def a_night_judged_by_an_older_policy(world):
    """A new night is judged by version 1 of its policy, which asks for something else, long after version 2 began."""
    story = Story.of(world)
    night, older = sixth(story), story.night(1)
    night.files["policy.house@1.json"] = older.files["policy.house@1.json"]
    del night.files[FILE]
    night.said["policies"] = older.said["policies"]
    for control in night.said["controls"]:
        control["policyVersion"] = 1
    story.write()


@attack(5, by="policies-in-force", alone=True)
def two_versions_judge_at_once(world):
    """A new night states version 1 of its policy beside version 2, though it was closed days before."""
    story = Story.of(world)
    night, older = sixth(story), story.night(1)
    night.files["policy.house@1.json"] = older.files["policy.house@1.json"]
    night.said["policies"] = [*older.said["policies"], *night.said["policies"]]
    story.write()


@attack(6, by={RECOMPUTE: "recomputed"}, alone=True)
def a_declaration_without_its_policy(world):
    """A new night is of a system that is declared to have no policy, and holds none."""
    story = Story.of(world)
    night = sixth(story)
    del night.files[FILE]
    declared = night.files["declaration.json"].replace(b'"policies":["house"]', b'"policies":[]')
    night.files["declaration.json"] = declared
    night.said["declaration"]["sha256"] = sha256(declared).hexdigest()
    night.said |= {"policies": [], "controls": [], "measurements": [], "retroactive": False}
    night.leaves(lambda leaves: leaves.__setitem__(slice(None), [_unjudged(each) for each in leaves]))
    story.write()


def _unjudged(leaf):
    return leaf[: leaf.index(b'"v":')] + b'"v":{}}'
