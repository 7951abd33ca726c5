"""Keys: stolen, revoked, unknown, weak; the root of trust rolled back, or changed by too few."""

import json
from base64 import b64encode
from hashlib import sha256
from types import SimpleNamespace

from attacks.case import attack
from attacks.forging import REWRITTEN, Story, history_of_his_own, sixth

from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.keys import tuf_key
from gov_pipelines.evidence.roots import sign_root
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.notes import parse_note, sign_note

IDENTITY = b"\1" + bytes(31)
"""The point of order 1: its one signature holds for every message."""


class _Weak:
    """A signer whose key is the identity point, which `PublicKey` refuses to be."""

    def __init__(self):
        spki = bytes.fromhex("302a300506032b6570032100") + IDENTITY
        said = {"algorithm": "ed25519", "created": "", "keyid": sha256(spki).hexdigest(), "name": "Example Bank"}
        file = canonical.dumps(said | {"publicKey": b64encode(spki).decode()})
        self.public = SimpleNamespace(keyid=said["keyid"], to_json=lambda: file)

    def sign(self, _message):
        return IDENTITY + bytes(32)


def third_root(story, signers, **changes):
    """Version 3 of the root of trust: what version 2 said, changed, and signed by these."""
    said = json.loads(story.roots[1])
    said["signed"] |= {"version": 3, **changes}
    data = canonical.dumps({"signatures": [], "signed": said["signed"]}) + b"\n"
    for signer in signers:
        data = sign_root(data, signer)
    return data


def _rotated(story, world, to):
    """The owners take the online key out of every role and put another in."""
    roles = json.loads(story.roots[1])["signed"]["roles"]
    for role in ("targets", "snapshot", "timestamp"):
        roles[role]["keyids"] = [to.public.keyid]
    keys = {each.public.keyid: tuf_key(each.public) for each in (*world.owners, to)}
    story.roots.append(third_root(story, world.owners[:2], roles=roles, keys=keys))
    story.told.append(3)


@attack(7, by=REWRITTEN)
def the_whole_chain_is_signed_anew_with_a_stolen_key(world):
    """Whoever stole the online key signs every night anew, after the witnesses saw them, as of another moment."""
    story = history_of_his_own(world)
    for each in story.nights():
        each.said["asOf"] = each.said["asOf"].replace("T02", "T03")
    story.write()


@attack(7, by="witness-quorum")
def the_whole_chain_is_signed_anew_under_the_owners_root(world):
    """The same under the root of trust that is there: the thief holds no owner's key, so it still asks for the witnesses."""
    story = Story.of(world)
    for each in story.nights():
        each.said["asOf"] = each.said["asOf"].replace("T02", "T03")
    story.write()


@attack(7, by="key-role", alone=True)
def a_revoked_key_signs_a_night(world):
    """The owners replaced the online key; after that the thief signs a night with the old one, and it is logged."""
    story = Story.of(world)
    _rotated(story, world, world.strange)
    sixth(story)
    story.ledger_signer = world.strange
    story.write()


@attack(7, by="checkpoint-signature", alone=True)
def a_revoked_key_signs_the_ledger(world):
    """The owners replaced the online key; the checkpoint after that is signed by the old one."""
    story = Story.of(world)
    _rotated(story, world, world.strange)
    story.write()


@attack(7, 17, by="key-role", alone=True)
def a_key_that_no_root_names(world):
    """A new night is signed by a stranger's key, which lies in the package; the ledger takes it."""
    story = Story.of(world)
    sixth(story).signer = world.strange
    story.write()


@attack(7, by="root-chain")
def a_third_root_that_one_owner_signed(world):
    """Version 3 takes the witnesses away. One owner signed it, and the online key; it takes two owners."""
    story = Story.of(world)
    ours = json.loads(story.roots[1])["signed"]["x-gov-pipelines"] | {"witnesses": "quorum none\n"}
    story.roots.append(third_root(story, [world.owners[0], world.online], **{"x-gov-pipelines": ours}))
    story.told.append(3)
    story.write()


@attack(17, by="root-chain")
def a_threshold_counted_twice(world):
    """Version 3 has the signature of one owner twice, the second time under another owner's keyid."""
    story = Story.of(world)
    third = json.loads(third_root(story, [world.owners[0]]))
    (signature,) = third["signatures"]
    third["signatures"].append(signature | {"keyid": world.owners[1].public.keyid})
    story.roots.append(canonical.dumps(third) + b"\n")
    story.told.append(3)
    story.write()


@attack(17, by="root-chain")
def one_owner_under_two_keyids(world):
    """Version 3 lists one owner's key twice, the second time under a name that is not its digest."""
    story = Story.of(world)
    third = json.loads(third_root(story, [world.owners[0]]))
    name, keys = "f" * 64, third["signed"]["keys"]
    keys[name] = keys[world.owners[0].public.keyid]
    third["signed"]["roles"]["root"]["keyids"] = sorted([*third["signed"]["roles"]["root"]["keyids"], name])
    third["signatures"].append(third["signatures"][0] | {"keyid": name})
    story.roots.append(canonical.dumps(third) + b"\n")
    story.told.append(3)
    story.write()


@attack(7, by="root-chain")
def a_second_root_that_only_the_new_owners_signed(world):
    """Version 2 lacks the signature of the key that version 1 names."""
    story = Story.of(world)
    second = json.loads(story.roots[1])
    second["signatures"] = [each for each in second["signatures"] if each["keyid"] != world.online.public.keyid]
    story.roots[1] = canonical.dumps(second) + b"\n"
    story.write()


@attack(7, by="root-logged")
def the_root_of_trust_is_rolled_back(world):
    """Version 2 is taken away, so that version 1 seems to be the newest: one key in every role, no witnesses."""
    (world.ledger / "root" / "2.root.json").unlink()


@attack(7, by="root-logged")
def a_root_that_is_not_in_the_ledger(world):
    """Version 3, signed by two owners, lies there without an entry: from where on it holds, nobody can tell."""
    story = Story.of(world)
    story.roots.append(third_root(story, world.owners[:2]))
    story.write()


@attack(7, by="root-chain")
def a_version_of_the_root_is_skipped(world):
    """The file of version 3 says that it is version 4."""
    story = Story.of(world)
    story.roots.append(third_root(story, world.owners[:2], version=4))
    story.write()


@attack(18, by="root-chain")
def a_weak_key_in_the_root(world):
    """Version 3 names the identity point as an owner, whose one signature anybody can make."""
    story = Story.of(world)
    third = json.loads(third_root(story, world.owners[:2]))
    name = sha256(bytes.fromhex("302a300506032b6570032100") + IDENTITY).hexdigest()
    third["signed"]["keys"][name] = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": IDENTITY.hex()}}
    third["signed"]["roles"]["root"]["keyids"] = sorted([*third["signed"]["roles"]["root"]["keyids"], name])
    story.roots.append(canonical.dumps(third) + b"\n")
    story.told.append(3)
    story.write()


@attack(18, by="key")
def a_weak_key_signs_a_night(world):
    """A new night is signed by the identity point: its signature holds for every other night as well."""
    story = Story.of(world)
    sixth(story).signer = _Weak()
    story.write()


@attack(15, 17, by="root-chain")
def a_root_that_says_a_member_twice(world):
    """Version 2 says its version twice; the signatures are of the last word."""
    file = world.ledger / "root" / "2.root.json"
    file.write_bytes(file.read_bytes().replace(b'"version":2', b'"version":1,"version":2'))


@attack(17, by="checkpoint-signature", alone=True)
def a_checkpoint_under_a_borrowed_key_id(world):
    """A stranger's signature on the checkpoint goes by the name and the 4-byte id of the ledger's key."""
    file = world.ledger / "checkpoint"
    note = parse_note(file.read_bytes())
    name = parse_checkpoint(note.text).origin
    (own,), (other,) = note.signatures, sign_note(note.text, name, world.strange).signatures
    file.write_bytes(
        file.read_bytes().replace(own.to_text().encode(), type(own)(name, own.key_id, other.blob).to_text().encode())
    )
