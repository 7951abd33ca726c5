from pathlib import Path

import pytest

from gov_pipelines.policy import load_policies

PACKS = Path(__file__).parents[2] / "expectations" / "packs"


@pytest.fixture(scope="session")
def packs():
    policies, mistakes = load_policies(PACKS)
    assert not mistakes
    return {(policy.policy, policy.version): policy for policy in policies}
