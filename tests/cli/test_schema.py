"""`gov schema`: says what is stale, writes it, and is then content."""

import json

from command import told


def test_missing_schemas_are_told_and_written(scratch_project, tmp_path):
    def schema(*arguments, check):
        environment = {"GOV_PIPELINES_PROJECT": str(scratch_project)}
        return told("schema", *arguments, home=tmp_path, cwd=scratch_project, env=environment, check=check).stdout

    assert "stale or missing: docs/schemas/policy.schema.json" in schema(check=1)
    written = json.loads(schema("--write", "--json", check=0))["written"]
    assert written == ["policy.schema.json", "system.schema.json", "compliance-snapshot-v0.1.json"]
    assert schema(check=0) == "All schemas are as the models say.\n"
    (scratch_project / "docs" / "schemas" / written[0]).write_text("{}")
    assert schema(check=1).splitlines() == ["stale or missing: docs/schemas/policy.schema.json"]
