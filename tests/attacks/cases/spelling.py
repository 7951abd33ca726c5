"""What two parsers may read differently, and what is too large or too deep to read at all."""

import base64
import json
import os

from attacks.case import attack
from attacks.forging import Story, sixth

from gov_pipelines.evidence.package import ENVELOPE


def _spelt(world, change):
    """A new night whose payload is signed in another spelling."""
    story = Story.of(world)
    sixth(story).spell = change
    story.write()


def _respelt(world, change):
    """The envelopes of the last night in another spelling: signatures and payloads are the same."""
    file = world.package(5) / ENVELOPE
    before = file.read_bytes()
    file.write_bytes(change(before))
    assert file.read_bytes() != before


def _replaced(old, new):
    def change(data):
        assert old in data
        return data.replace(old, new, 1)

    return change


@attack(15, by="payload-canonical")
def a_payload_says_a_member_twice(world):
    """The signed payload holds two verdicts under one name: one parser reads the first, another the last."""
    _spelt(world, _replaced(b'"verdict":', b'"verdict":"fail","verdict":'))


@attack(15, by="payload-canonical")
def a_payload_with_nan(world):
    """The signed payload holds NaN, which some parsers read."""
    _spelt(world, _replaced(b'"undated":0', b'"undated":NaN'))


@attack(15, by="payload-canonical")
def a_payload_with_a_byte_order_mark(world):
    """The signed payload begins with a byte-order mark."""
    _spelt(world, lambda data: b"\xef\xbb\xbf" + data)


@attack(15, by="payload-canonical")
def a_payload_with_trailing_bytes(world):
    """The signed payload ends with a newline."""
    _spelt(world, lambda data: data + b"\n")


@attack(15, by="payload-canonical")
def a_number_in_another_spelling(world):
    """The signed payload says 1.0 where 1 is meant."""
    _spelt(world, _replaced(b'"undated":0', b'"undated":0.0'))


@attack(15, by="payload-canonical")
def a_text_in_another_spelling(world):
    """The signed payload writes a letter as an escape."""
    _spelt(world, _replaced(b'"system":"loans"', rb'"system":"l\u006fans"'))


@attack(15, by="payload-canonical")
def members_in_another_order(world):
    """The members of the signed payload are in reverse order."""

    def reversed_order(data):
        said = json.loads(data)
        return json.dumps(dict(reversed(said.items())), separators=(",", ":")).encode()

    _spelt(world, reversed_order)


@attack(15, by="payload-canonical")
def a_lone_surrogate(world):
    """The signed payload holds half a character, which UTF-8 cannot say."""
    _spelt(world, _replaced(b'"text":"Fair by day."', rb'"text":"Fair by \ud800."'))


@attack(26, by="payload-canonical")
def a_payload_65_levels_deep(world):
    """The signed payload nests 65 levels."""
    _spelt(world, _replaced(b'"revisionReasons":[]', b'"revisionReasons":' + b"[" * 63 + b"]" * 63))


@attack(26, by="payload-canonical")
def a_payload_a_million_levels_deep(world):
    """The signed payload nests a million levels, on which a parser that calls itself ends."""
    _spelt(world, _replaced(b'"revisionReasons":[]', b'"revisionReasons":' + b"[" * 1_000_000 + b"]" * 1_000_000))


@attack(15, by="envelope-canonical")
def base64_of_another_alphabet(world):
    """Signatures are in the alphabet for addresses, which DSSE allows and we do not."""
    _respelt(
        world,
        lambda data: (
            data.replace(b"/", b"_")
            .replace(b"+", b"-")
            .replace(b"application_vnd.in-toto-", b"application/vnd.in-toto+")
        ),
    )


@attack(15, by="envelope-canonical")
def base64_without_padding(world):
    """A signature lacks its padding."""
    _respelt(world, _replaced(b'=="', b'"'))


@attack(15, by="envelope-canonical")
def base64_with_bits_left_over(world):
    """The last letter of a signature holds bits that no byte takes."""

    def change(data):
        said = json.loads(data.splitlines()[0])
        sig = said["signatures"][0]["sig"]
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        other = sig[:-3] + letters[letters.index(sig[-3]) + 1] + "=="
        assert base64.b64decode(other) == base64.b64decode(sig)
        return data.replace(sig.encode(), other.encode())

    _respelt(world, change)


@attack(15, by="envelope-canonical")
def an_envelope_with_spaces(world):
    """A space stands after a comma of the first envelope."""
    _respelt(world, _replaced(b'","payloadType"', b'", "payloadType"'))


@attack(15, by="envelope-canonical")
def an_envelope_with_a_member_more(world):
    """The first envelope has a member that DSSE would pass over."""
    _respelt(world, _replaced(b'{"payload":', b'{"note":"","payload":'))


@attack(15, by="envelope-canonical")
def a_third_line(world):
    """A third envelope follows, the first one once more."""
    _respelt(world, lambda data: data + data.splitlines(keepends=True)[0])


@attack(15, by="envelope-canonical")
def no_newline_at_the_end(world):
    """The last newline is gone."""
    _respelt(world, lambda data: data[:-1])


@attack(15, by="envelope-canonical")
def other_line_ends(world):
    """The lines end as on another system."""
    _respelt(world, lambda data: data.replace(b"\n", b"\r\n"))


@attack(26, by="envelope-canonical")
def a_huge_envelope(world):
    """The envelopes' file has 65 MiB, of which almost all is nothing."""
    os.truncate(world.package(5) / ENVELOPE, 65 << 20)


@attack(26, by="checkpoint-format", alone=True)
def a_checkpoint_with_101_signatures(world):
    """The checkpoint has 101 signatures."""
    file = world.ledger / "checkpoint"
    text, signature = file.read_bytes().split(b"\n\n")
    file.write_bytes(text + b"\n\n" + signature * 101)


@attack(26, by="checkpoint-format", alone=True)
def a_huge_checkpoint(world):
    """The checkpoint has two mebibytes."""
    file = world.ledger / "checkpoint"
    file.write_bytes(file.read_bytes().replace(b"\n\n", b"\n" + b"x" * (2 << 20) + b"\n\n"))


@attack(15, by="checkpoint-format", alone=True)
def a_checkpoint_with_a_sign(world):
    """The size in the checkpoint is written with a plus."""
    file = world.ledger / "checkpoint"
    origin, size, rest = file.read_bytes().split(b"\n", 2)
    file.write_bytes(b"\n".join([origin, b"+" + size, rest]))


@attack(15, by="ledger-cosigned", alone=True)
def a_cosigned_checkpoint_that_cannot_be_read(world):
    """A cosigned checkpoint has a carriage return in it."""
    file = world.ledger / "cosigned" / "15"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n", 1))


@attack(26, by="chain-place")
def a_folder_is_a_link(world):
    """A night's folder leads elsewhere."""
    world.package(5).parent.rename(world.evidence.parent / "elsewhere")
    (world.evidence / "loans" / "2026-09-05").symlink_to(world.evidence.parent / "elsewhere")
