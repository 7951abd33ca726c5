"""Evidence written by hand, with the ledger that belongs to it, as a home with one key writes it."""

from datetime import datetime, timedelta

from gov_pipelines.evidence import build_predicate, sign_package
from gov_pipelines.evidence.entries import policy_entry, root_entry, snapshot_entry
from gov_pipelines.evidence.founding import default_origin
from gov_pipelines.evidence.roots import current_roots, first_root
from gov_pipelines.evidence.tlog.ledger import append


class Book:
    """The evidence folder of a home: packages are signed into it, and each thing goes into its ledger."""

    def __init__(self, evidence, signer):
        self.ledger, self.signer, self.origin = evidence / "ledger", signer, default_origin(signer.public)
        roots = self.ledger / "root"
        if not roots.exists():
            roots.mkdir(parents=True)
            expires = datetime.fromisoformat(signer.public.created) + timedelta(days=365)
            (roots / "1.root.json").write_bytes(first_root(signer, self.origin, expires))
        self.standing = None
        for root in current_roots(roots):
            self.add(root_entry(root.version, root.sha256))

    def add(self, *entries):
        """Append entries; what the next snapshot stands on."""
        appended = append(self.ledger, self.origin, entries, self.signer)
        self.standing = {"size": appended.size, "rootHash": appended.root.hex()}
        return appended

    def sign(self, folder, files, content):
        """Sign a package as a night does: policies in the ledger first, the snapshot last."""
        plain = build_predicate(content)
        self.add(*map(policy_entry, plain["policies"]))
        signed = sign_package(folder, files, build_predicate({**content, "ledger": self.standing}), self.signer)
        self.add(snapshot_entry(signed.predicate, signed.payload_sha256, signed.signature))
        return signed
