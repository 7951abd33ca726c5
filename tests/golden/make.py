"""Makes the golden bundle of a release: `python tests/golden/make.py 0.1.0`, once, with that release's own code.

A made-up bank of seven decisions a day, nobody's data; its keys are thrown away. What is written is never changed after.
"""

import json
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import chdir
from datetime import timedelta
from pathlib import Path
from unittest import mock

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bank import FIRST, ROWS, Bank  # noqa: E402  (tests/ is not on the path of a script)

from gov_pipelines.cli import main  # noqa: E402
from gov_pipelines.evidence.verify import verify  # noqa: E402
from gov_pipelines.pipeline.signing import sign_missed  # noqa: E402

PATHS = ("bundle/evidence", "published/evidence", "night", "decision.tlog-proof")


def run(*arguments):
    """Call a command, which must do what it is asked."""
    try:
        main([*map(str, arguments)])
    except SystemExit as ended:
        if ended.code:
            raise


def bank_of(root):
    """Two audited nights, the first one revised when a late decision arrived, and one that was missed."""
    bank = Bank(root)
    second, third = (FIRST + timedelta(days=each) for each in (1, 2))
    bank.rows |= {f"2{name}": f"2{row.replace(FIRST.isoformat(), second.isoformat(), 1)}" for name, row in ROWS.items()}
    bank.audit().audit(second)
    sign_missed(bank.night(third), "the database did not answer")
    bank.rows["H"] = "H,2026-09-01T09:07:00,yes,f,300,kim,2026-09-01T12:00:00"
    return bank.audit()


def make(out):
    """Write the bundle of this code."""
    with tempfile.TemporaryDirectory() as folder:
        bank = bank_of(Path(folder) / "bank")
        home = bank.root / ".gov"
        with chdir(bank.root), mock.patch.dict("os.environ", {"GOV_HOME": str(home), "GOV_STORE_URL": ""}):
            run("bundle", "--out", out / "bundle")
            run("bundle", "--out", out / "published", "--published")
            run("bundle", "--out", out / "night", "--system", "loans", "--date", FIRST)
            run("prove", "H", "--system", "loans", "--disclose", "decision", "--out", out / "decision.tlog-proof")
        (out / "trust").mkdir()
        shutil.copy(home / "evidence" / "ledger" / "root" / "1.root.json", out / "trust")
        shutil.copy(home / "keys" / "signing.pub.json", out / "trust" / "key.json")
    held = {path: checked(out, path) for path in PATHS}
    (out / "expected.json").write_text(json.dumps(held, indent=1, sort_keys=True) + "\n")


def checked(out, path):
    """How often each rule was checked, by name; all must hold."""
    found = verify(out / path, trust=out / "trust" / "1.root.json")
    assert found.trusted, found.to_text()
    return dict(Counter(check.rule for check in found.checked))


if __name__ == "__main__":
    make((HERE / sys.argv[1]).resolve())
