"""A home's key is replaced: at every moment there is one that signs, and none is lost."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import found, generate, load_public, load_signer
from gov_pipelines.evidence.roots import current_roots, sign_root
from gov_pipelines.evidence.signers import enlist
from gov_pipelines.evidence.succession import NEXT, RETIRED, next_root, publish, replaced, settle

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)


@pytest.fixture
def home(tmp_path):
    """Folders of key and root of trust, the signer, and a signed version 2 in which a key in a file follows it."""
    keys, roots = tmp_path / "keys", tmp_path / "root"
    old = found(keys, roots, name="old", created=NOON)
    new = generate(keys / NEXT, name="new", created=LATER)
    return keys, roots, old, new, both(roots, old, new)


def both(roots, old, new):
    before = current_roots(roots)[-1]
    return sign_root(sign_root(next_root(before, LATER, replaced(before, old.public, new.public)), old), new)


def test_the_new_key_takes_the_place_of_the_old_which_is_kept(home):
    keys, roots, old, new, data = home
    root = publish(keys, roots, data)
    assert (root.version, [key.keyid for key in root.keys_of("targets")]) == (2, [new.public.keyid])
    assert load_signer(keys).public == new.public
    assert load_signer(keys / RETIRED / old.public.keyid).sign(b"m") == old.sign(b"m")
    assert not (keys / NEXT).exists()
    assert sorted(path.name for path in roots.iterdir()) == ["1.root.json", "2.root.json"]
    with pytest.raises(EvidenceError, match="expected the next"):
        publish(keys, roots, data)


def test_a_version_without_enough_signatures_changes_nothing(home):
    keys, roots, old, new, _ = home
    before = current_roots(roots)[-1]
    data = next_root(before, LATER, replaced(before, old.public, new.public))
    for signed in (data, sign_root(data, old), sign_root(data, new)):
        with pytest.raises(EvidenceError, match="0 of the root keys"):
            publish(keys, roots, signed)
    stranger = generate(keys.parent / "stranger", name="stranger", created=NOON)
    roles = replaced(before, old.public, stranger.public)
    with pytest.raises(WrongUse, match="no key of this home"):
        publish(keys, roots, sign_root(sign_root(next_root(before, LATER, roles), old), stranger))
    assert load_signer(keys).public == old.public
    assert len(current_roots(roots)) == 1


def end_after(steps, patch):
    """End the process, as it were, instead of the change of a file that would follow so many."""
    left = iter(range(steps))

    def ending(change):
        def or_end(path, *arguments, **named):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return change(path, *arguments, **named)

        return or_end

    for name in ("replace", "unlink", "rmdir", "rename"):
        patch.setattr(Path, name, ending(getattr(Path, name)))


@pytest.mark.parametrize("kept", ["in a file", "elsewhere"])
def test_a_crash_at_any_step_is_made_up_for(home, monkeypatch, kept):
    """`settle` is ended before each change of a file it makes, and called again: the same end, whatever was done."""
    keys, roots, old, new, data = home
    if kept == "elsewhere":
        (keys / NEXT).rename(keys.parent / "vault")
        enlist(keys / NEXT, f"file2:{keys.parent / 'vault' / 'signing.pem'}", new.public, {})
    with monkeypatch.context() as patch:
        patch.setattr("gov_pipelines.evidence.succession.settle", lambda *_: None)
        root = publish(keys, roots, data)
    for steps in range(6):
        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            end_after(steps, patch)
            settle(keys, root)
    settle(keys, root)
    assert load_signer(keys).public == new.public
    assert new.public.verifies(load_signer(keys).sign(b"m"), b"m")
    assert load_public(keys / RETIRED / old.public.keyid) == old.public
    assert load_signer(keys / RETIRED / old.public.keyid).sign(b"m") == old.sign(b"m")
    private = serialization.load_pem_private_key((keys / RETIRED / old.public.keyid / "signing.pem").read_bytes(), None)
    assert private.public_key().public_bytes_raw() == old.public.raw
