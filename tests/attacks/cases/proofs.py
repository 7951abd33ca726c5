"""The proof of one decision: another decision, another value, another path, another signer."""

import base64
from dataclasses import replace

from attacks.case import KEY, ROOT, WITNESS, attack

from gov_pipelines.evidence import LEAVES, canonical, read_leaves
from gov_pipelines.evidence.leaves import disclosure_digest
from gov_pipelines.evidence.tlog import lines, merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.notes import cosign, log_verifier, sign_note
from gov_pipelines.evidence.tlog.proof import parse_proof

DECISION, FIELD = 0, 1  # places among the disclosures


def _edit(world, change):
    """Edit the extra data: disclosures, entry, index, leaf, path."""
    proof = parse_proof(world.proof.read_bytes())
    extra = canonical.loads(proof.extra)
    change(extra)
    return _write(world, replace(proof, extra=canonical.dumps(extra)))


def _write(world, proof):
    world.proof.write_bytes(proof.to_bytes())
    return world.proof


def _respell(world, old, new):
    data = world.proof.read_bytes()
    assert old in data
    world.proof.write_bytes(data.replace(old, new, 1))
    return world.proof


def _opened(disclosure):
    return canonical.loads(base64.urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4)))


def _closed(said):
    return base64.urlsafe_b64encode(canonical.dumps(said)).rstrip(b"=").decode()


def _other_leaf(world, place=0):
    return read_leaves((world.package(1, 2) / LEAVES).read_bytes())[place]


@attack(10, by="proof-leaf", alone=True)
def a_verdict_in_a_proof_is_edited(world):
    """The leaf says outside in place of within."""
    return _edit(world, lambda extra: extra["leaf"]["v"].update({"house/SMALL": "outside"}))


@attack(10, 11, by="proof-disclosure", alone=True)
def a_proof_of_another_decision(world):
    """Leaf and path are those of another decision of the day, the disclosed fields those of this one."""

    def change(extra):
        leaves = read_leaves((world.package(1, 2) / LEAVES).read_bytes())
        path = merkle.inclusion_proof(merkle.leaf_hashes(leaves), 0)
        extra |= {"leaf": canonical.loads(leaves[0]), "index": 0, "path": [*map(lines.encoded, path)]}

    return _edit(world, change)


@attack(11, by="proof-leaf", alone=True)
def a_decision_that_is_not_in_the_day(world):
    """Leaf and fields are made up, and agree with each other."""

    def change(extra):
        fields = [_opened(each) for each in extra["disclosures"]]
        fields[FIELD][2] = "denied"
        shown = [_closed(each) for each in fields[FIELD:]]
        fields[DECISION][2]["_sd"] = sorted(map(disclosure_digest, shown))
        extra["disclosures"] = [_closed(fields[DECISION]), *shown]
        extra["leaf"]["_sd"] = [disclosure_digest(extra["disclosures"][DECISION])]

    return _edit(world, change)


@attack(10, by="proof-disclosure", alone=True)
def a_disclosed_value_is_edited(world):
    """The disclosed decision is denied in place of granted."""

    def change(extra):
        said = _opened(extra["disclosures"][FIELD])
        assert said[1:] == ["decision", "granted"]
        extra["disclosures"][FIELD] = _closed([*said[:2], "denied"])

    return _edit(world, change)


@attack(10, by="proof-disclosure", alone=True)
def a_disclosed_name_is_edited(world):
    """The value of one field is shown under the name of another."""

    def change(extra):
        said = _opened(extra["disclosures"][FIELD])
        extra["disclosures"][FIELD] = _closed([said[0], "proposed_decision", said[2]])

    return _edit(world, change)


@attack(17, 21, by="proof-disclosure", alone=True)
def a_field_is_disclosed_twice(world):
    """One disclosure is there twice."""
    return _edit(world, lambda extra: extra["disclosures"].append(extra["disclosures"][-1]))


@attack(12, by="proof-leaf", alone=True)
def a_leaf_at_another_place(world):
    """The proof says that the leaf is the one after."""
    return _edit(world, lambda extra: extra.update(index=extra["index"] + 1))


@attack(14, by="proof-entry", alone=True)
def a_day_of_another_size(world):
    """The day's tree has one decision more, as the entry says; path and root are the right ones."""
    return _edit(world, lambda extra: extra["entry"]["decisions"].update(treeSize=18))


@attack(14, by="checkpoint-signature")
def a_ledger_of_another_size(world):
    """The checkpoint says one entry more; path and root are the right ones."""
    size = parse_checkpoint(parse_proof(world.proof.read_bytes()).note.text).size
    return _respell(world, f"\n{size}\n".encode(), f"\n{size + 1}\n".encode())


@attack(14, by="proof-leaf", alone=True)
def a_path_is_padded(world):
    """The path from the leaf has one hash more."""
    return _edit(world, lambda extra: extra["path"].append(extra["path"][-1]))


@attack(14, by="proof-leaf", alone=True)
def a_path_is_cut(world):
    """The path from the leaf has one hash less."""
    return _edit(world, lambda extra: extra["path"].pop())


@attack(14, by="proof-entry", alone=True)
def the_ledgers_path_is_padded(world):
    """The path from the entry has one hash more."""
    proof = parse_proof(world.proof.read_bytes())
    return _write(world, replace(proof, hashes=(*proof.hashes, proof.hashes[0])))


@attack(14, by="proof-entry", alone=True)
def the_ledgers_path_is_cut(world):
    """The path from the entry has one hash less."""
    proof = parse_proof(world.proof.read_bytes())
    return _write(world, replace(proof, hashes=proof.hashes[:-1]))


@attack(12, by="proof-entry", alone=True)
def an_entry_at_another_place(world):
    """The proof says that the entry is the one before."""
    proof = parse_proof(world.proof.read_bytes())
    return _write(world, replace(proof, index=proof.index - 1))


@attack(4, 11, by="proof-entry", alone=True)
def an_entry_that_is_not_in_the_ledger(world):
    """The entry says another revision of the day."""
    return _edit(world, lambda extra: extra["entry"].update(revision=3))


@attack(13, by="proof-extra-canonical", alone=True)
def a_node_as_leaf(world):
    """In place of the leaf stand the two hashes under the node above it, and the path is one shorter."""

    def change(extra):
        sibling, *rest = extra["path"]
        leaf = merkle.leaf_hash(canonical.dumps(extra["leaf"]))
        extra |= {
            "leaf": lines.encoded(leaf + lines.digest(sibling, "hash")),
            "path": rest,
            "index": extra["index"] // 2,
        }

    return _edit(world, change)


@attack(13, by="proof-leaf", alone=True)
def a_leaf_as_node(world):
    """The path leads through a hash made of the leaf as if it were a node: without its prefix."""
    return _edit(
        world, lambda extra: extra["path"].__setitem__(0, lines.encoded(merkle.leaf_hash(_other_leaf(world, 5))))
    )


@attack(9, by={ROOT: "witness-quorum", WITNESS: "witness-quorum"}, alone=True)
def a_proof_without_cosignatures(world):
    """The checkpoint has the ledger's signature alone."""
    proof = parse_proof(world.proof.read_bytes())
    return _write(world, replace(proof, note=replace(proof.note, signatures=proof.note.signatures[:1])))


@attack(24, by={ROOT: "witness-quorum", WITNESS: "witness-quorum"}, alone=True)
def a_proof_that_only_a_stranger_cosigned(world):
    """The checkpoint is cosigned by a witness that nobody knows."""
    proof = parse_proof(world.proof.read_bytes())
    note = replace(proof.note, signatures=proof.note.signatures[:1])
    return _write(world, replace(proof, note=cosign(note, "stranger.example", world.strange, 1_790_000_000)))


@attack(7, 9, by={KEY: "trusted-key", ROOT: "trusted-key", WITNESS: "witness-quorum"})
def a_proof_of_a_strangers_ledger(world):
    """A stranger signs the same checkpoint with his own key, and the proof names that key."""
    proof = parse_proof(world.proof.read_bytes())
    origin = parse_checkpoint(proof.note.text).origin
    extra = canonical.loads(proof.extra) | {"log": log_verifier(origin, world.strange.public).vkey}
    note = sign_note(proof.note.text, origin, world.strange)
    return _write(world, replace(proof, extra=canonical.dumps(extra), note=note))


@attack(15, by="proof-extra-canonical", alone=True)
def a_proof_that_says_a_member_twice(world):
    """The extra data say the index twice."""
    proof = parse_proof(world.proof.read_bytes())
    return _write(world, replace(proof, extra=proof.extra.replace(b'"index":', b'"index":0,"index":', 1)))


@attack(15, by="proof-format", alone=True)
def a_proof_in_base64_of_another_alphabet(world):
    """A hash of the ledger's path is in the alphabet for addresses."""
    proof = parse_proof(world.proof.read_bytes())
    swapped = replace(proof, hashes=(b"\xfb" * 32, *proof.hashes[1:]))
    data = swapped.to_bytes().replace(lines.encoded(b"\xfb" * 32).encode(), base64.urlsafe_b64encode(b"\xfb" * 32))
    world.proof.write_bytes(data)
    return world.proof


@attack(15, by="proof-format", alone=True)
def a_proof_in_base64_without_padding(world):
    """A hash of the ledger's path lacks its padding."""
    last = lines.encoded(parse_proof(world.proof.read_bytes()).hashes[-1])
    return _respell(world, last.encode(), last.rstrip("=").encode())


@attack(15, by="proof-format", alone=True)
def a_proof_with_a_leading_zero(world):
    """The index is written with a zero before it."""
    return _respell(world, b"\nindex ", b"\nindex 0")


@attack(15, by="proof-format", alone=True)
def a_proof_with_other_line_ends(world):
    """The lines end as on another system."""
    world.proof.write_bytes(world.proof.read_bytes().replace(b"\n", b"\r\n"))
    return world.proof


@attack(9, 15, by="proof-log")
def a_proof_under_a_name_that_cannot_be(world):
    """The ledger's name in the checkpoint holds a plus, which no name of a key may."""
    return _respell(world, b"\nexample-bank/", b"\nexample-bank+")


@attack(26, by="proof-format", alone=True)
def a_proof_of_65_hashes(world):
    """The path from the entry has 65 hashes."""
    proof = parse_proof(world.proof.read_bytes())
    return _write(world, replace(proof, hashes=proof.hashes[:1] * 65))


@attack(26, by="proof-format", alone=True)
def a_huge_proof(world):
    """The proof has two mebibytes."""
    proof = parse_proof(world.proof.read_bytes())
    return _write(world, replace(proof, extra=bytes(2 << 20)))


@attack(26, by="proof-extra-canonical", alone=True)
def a_deep_proof(world):
    """The extra data nest ten thousand levels deep."""
    proof = parse_proof(world.proof.read_bytes())
    return _write(world, replace(proof, extra=b"[" * 10_000 + b"]" * 10_000))


@attack(26, by="proof-format", alone=True)
def a_proof_with_101_signatures(world):
    """The checkpoint has 101 signatures."""
    proof = parse_proof(world.proof.read_bytes())
    many = proof.note.signatures[:1] + (proof.note.signatures[1:2] * 100)
    return _write(world, replace(proof, note=replace(proof.note, signatures=many)))
