"""`gov diff` on versions, files and wrong names."""

import json

from command import ROOT, told

POLICY = ROOT / "expectations" / "house-fair-lending.yaml"


def test_a_version_against_a_file_in_words(tmp_path):
    new = tmp_path / "new.yaml"
    text = POLICY.read_text().replace("at_least: 0.80\n      test", "at_least: 0.85\n      test")
    new.write_text(text.replace("version: 1", "version: 2").replace("within: 30 days", "within: 45 days"))
    said = told("diff", "house-fair-lending@1", new, home=tmp_path, check=0).stdout.splitlines()
    assert said == [
        "From house-fair-lending@1 to house-fair-lending@2: 1 stricter, 1 laxer.",
        "FL-5 is stricter: control.at_least is 0.85, was 0.8.",
        "FL-12 is laxer: control.within is 45 days, was 30 days.",
    ]
    found = json.loads(told("diff", new, "house-fair-lending@1", "--json", home=tmp_path, check=0).stdout)
    assert (found["old"], found["new"]) == ("house-fair-lending@2", "house-fair-lending@1")
    assert [(each["clause"], each["direction"], each["old"]) for each in found["changes"]] == [
        ("FL-5", "laxer", "0.85"),
        ("FL-12", "stricter", "45 days"),
    ]


def test_the_same_policy_is_the_same(tmp_path):
    said = told("diff", POLICY, "house-fair-lending@1", home=tmp_path, check=0).stdout
    assert said == "From house-fair-lending@1 to house-fair-lending@1: the same in effect.\n"


def test_a_wrong_name_is_told_the_nearest(tmp_path):
    done = told("diff", "house-fair-lending", "house-fair-lending@1", home=tmp_path, check=2)
    assert "Did you mean `house-fair-lending@1`?" in done.stderr
    told("diff", tmp_path / "none.yaml", "house-fair-lending@1", home=tmp_path, check=2)
