"""What the pages say: gaps first, every word explained, every value escaped, nothing left out."""

import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import get_args

import pytest

from gov_pipelines.policy import State
from gov_pipelines.report import render
from gov_pipelines.report.words import DECISION_WORDS, LIMITS, STATE_GLYPHS, STATE_WORDS, VERDICT_WORDS, subject_words

HOSTILE = "</title><script>alert('x')</script> & \"quoted\""


class Page(HTMLParser):
    """Tags, ids, links and visible text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.words, self._silent = [], [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self._silent = tag == "style"
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []

    def handle_data(self, data):
        if not self._silent:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def read(path):
    return Page(path.read_text())


def test_returns_the_files_it_wrote_index_first(sample, tmp_path):
    written = render(sample.report(), tmp_path / "deep" / "report")
    assert [path.name for path in written] == ["index.html", "mortgage_underwriting.html", "verify.html"]
    assert sorted(written) == sorted((tmp_path / "deep" / "report").iterdir())


def test_same_report_same_bytes(sample, pages, tmp_path):
    render(sample.report(sample.system(), sample.system("index", controls=sample.CONTROLS[:3])), tmp_path)
    for path in pages.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_a_system_named_like_a_fixed_page_gets_its_own(pages):
    assert {path.name for path in pages.iterdir()} == {
        "index.html", "verify.html", "mortgage_underwriting.html", "index_system.html"
    }  # fmt: skip


def test_the_commands_to_verify_with_are_those_of_the_readme(pages):
    said = read(pages / "verify.html").text
    for command in (
        "verify evidence --trust 1.root.json --keep checkpoint",
        "--last checkpoint",
        "prove DECISION",
        "--recompute",
        "gov reproduce .gov/",
    ):
        assert command in said
    assert "signing.pub.json" not in said


def test_every_page_ends_with_the_limits(pages):
    for path in pages.iterdir():
        assert LIMITS in read(path).text.split("Report drawn up")[0][-len(LIMITS) - 2 :]


def test_nothing_says_compliant(pages):
    for path in pages.iterdir():
        assert "compliant" not in path.read_text().lower()


def test_every_link_resolves_and_no_id_stands_twice(pages):
    known = {path.name: read(path) for path in pages.iterdir()}
    for name, page in known.items():
        assert len(page.ids) == len(set(page.ids)), name
        for link in page.links:
            target, _, anchor = link.partition("#")
            assert target == "" or target in known, f"{name} links to {link}"
            assert not anchor or anchor in known[target or name].ids, f"{name} links to {link}"


def test_pages_name_no_other_place(pages):
    for path in pages.iterdir():
        text = re.sub(r'xmlns(:xlink)?="http://www\.w3\.org/[^"]*"', "", path.read_text())
        assert not re.search(r"https?://|//\w+\.\w|@import|url\((?!#)", text)
        assert "<script" not in text


def test_headline_counts(pages, sample):
    one = sample.report()
    assert (len(one.red), len(one.gaps), len(one.waived), len(one.cells)) == (4, 6, 1, 17)
    text = read(pages / "index.html").text
    assert "6 of 20 clauses are red; 6 are gaps; 1 is waived" in text


def test_one_sentence_and_the_days_open_for_each_red_cell(sample, tmp_path):
    render(sample.report(), tmp_path)
    red = read(tmp_path / "index.html").text.split("Red: needs someone now")[1].split("Gaps: nothing")[0]
    for view in sample.CONTROLS:
        if view.verdict in {"fail", "missing"} and not view.waiver:
            assert view.reason[1:] in red
            assert f"open {view.days_open} days" in red
        else:
            assert view.text not in red


def test_red_is_riskiest_first(sample):
    assert [view.clause for _, view in sample.report().red] == ["FL-5", "FL-2", "FL-1", "FL-11"]


def test_what_was_red_lately_is_not_forgotten(sample, pages):
    assert [view.clause for _, view in sample.report().earlier] == ["FL-4", "FL-10"]
    earlier = read(pages / "index.html").text.split("Red earlier")[1].split("Gaps:")[0]
    assert "FL-4 in mortgage_underwriting: fail on 2026-09-06 (1 outside); now pass." in earlier
    assert "FL-10 in mortgage_underwriting: missing on 2026-09-18; now warn." in earlier


def test_gaps_are_riskiest_first(sample):
    assert [view.clause for _, view in sample.report().gaps] == ["FL-14", "PL-1", "PL-2", "PL-3", "FL-15", "FL-9"]


def test_every_verdict_has_its_word_and_its_meaning(pages):
    text = read(pages / "index.html").text
    legend = text.split("The words")[1]
    for word, meaning in VERDICT_WORDS.values():
        assert f"{word} {meaning}" in legend
    for word, meaning in DECISION_WORDS.items():
        assert f"{word} {meaning.capitalize()}." in legend
    for word, meaning in STATE_WORDS.values():
        assert f"{word} {meaning}" in legend
    shown = text.split("Every clause, every system")[1].split("The words")[0]
    for word, _ in [*VERDICT_WORDS.values(), *STATE_WORDS.values()]:
        assert word in shown


@pytest.mark.parametrize("clause", ["FL-1", "FL-2", "FL-5", "FL-10", "FL-14", "FL-15", "FL-16"])
def test_a_control_is_told_in_full(sample, pages, clause):
    view = next(view for view in sample.CONTROLS if view.clause == clause)
    text = read(pages / "mortgage_underwriting.html").text.split("Control by control")[1]
    told = text.split(f" {clause} {view.level} ")[1].split(view.owner)[0]
    for part in (
        view.text,
        view.reason[1:],
        view.threshold,
        view.standing[1:] if view.gap or view.waiver else "",
        view.obligation,
        "version 1 from 2026-09-01",
    ):
        assert not part or part in told
    if view.n is not None:
        assert f"{view.n:,}" in told
    if view.acts:
        assert view.acts.capitalize() in told
    for column in view.synthetic:
        assert column in told


def test_every_state_has_a_word_and_a_shape_of_its_own():
    states = list(get_args(State))
    assert list(STATE_WORDS) == list(STATE_GLYPHS) == states
    assert len({word for word, _ in STATE_WORDS.values()}) == len(set(STATE_GLYPHS.values())) == len(states)


def test_the_matrix_ranks_its_rows(sample):
    risks = [clause.risk for clause, _ in sample.report().clauses]
    assert risks == sorted(risks, reverse=True)


def test_a_waiver_is_shown_wherever_its_clause_is(sample, pages):
    waived = next(view for view in sample.CONTROLS if view.waiver)
    index, page = read(pages / "index.html").text, read(pages / "mortgage_underwriting.html").text
    section = index.split("Waived: signed exceptions")[1].split("Controls that serve no clause")[0]
    matrix = index.split("Every clause, every system")[1].split("The words")[0]
    for text in (section, matrix, page):
        assert waived.waiver in text
    assert f"{waived.clause} Waived until" in section
    assert "Beneath it: decision_rule detects; fail since" in section
    assert waived.reason not in index.split("Red: needs someone now")[1].split("Red earlier")[0]


def test_where_a_clause_comes_from_and_how_sure_that_is(pages):
    text = read(pages / "mortgage_underwriting.html").text
    assert "Source 12 CFR 1002.9(b)(1); in force; confidence: secondary; last verified 2026-09-30" in text
    assert "nist-ai-rmf-1.0 MEASURE 2.8, MANAGE 4.1" in text


def test_what_serves_no_clause_is_listed(sample, pages):
    text = read(pages / "index.html").text.split("Controls that serve no clause")[1].split("Every clause")[0]
    for orphan in sample.ORPHANS:
        assert orphan.sentence in text


def test_findings_have_their_owner_their_days_and_their_reopenings(pages):
    for name in ("index.html", "mortgage_underwriting.html"):
        text = read(pages / name).text.split(" Findings")[1]
        assert (
            "open, reopened once serious incident: report by 2026-09-25 team:credit-risk 2026-09-17 21 21 days" in text
        )
        assert "closed team:credit-risk 2026-10-05 2 1 day its one day was audited again without a breach" in text
        assert "a concern" in text
    for path in pages.iterdir():
        assert not re.search("PRIVATE WORDS|D-SECRET|somebody", path.read_text())


def test_what_people_owe_stands_apart_from_controls(sample, pages):
    text = read(pages / "index.html").text.split("What people owe")[1].split("The words")[0]
    assert "None of them is a control of a system" in text
    assert "underwriters: a.ngo overdue by 7 working days ; told manager 2026-09-21" in text
    assert "underwriters: b.lind done 2027-09-03 2026-09-03 09:00 UTC, version 1" in text
    assert "everyone nobody enrolled" in text
    assert not {owed.person for owed in sample.OBLIGATIONS} & set(
        read(pages / "mortgage_underwriting.html").text.split()
    )


def test_what_went_on_and_what_waits(pages, sample, tmp_path):
    text = read(pages / "mortgage_underwriting.html").text
    assert "1,299 decisions cleared , 21 held" in text
    assert "2026-09-13 64 2 house-fair-lending/FL-2: 2" in text
    render(sample.report(sample.system(cleared=())), tmp_path)
    assert "decisions cleared" not in read(tmp_path / "mortgage_underwriting.html").text


def test_how_people_review(pages):
    text = read(pages / "mortgage_underwriting.html").text.split("How people review")[1]
    assert "override rate all reviews 0.062 0.011 to 0.283 16" in text
    assert "no finding" in text


def test_what_features_tell_of_protected_attributes(sample, tmp_path):
    proxy = sample.Measurement("correlation_ratio", ("income", "race"), value=0.312, n=900, p_adjusted=0.002)
    render(sample.report(sample.system(proxies=(proxy,))), tmp_path)
    text = read(tmp_path / "mortgage_underwriting.html").text.split("What features tell of protected attributes")[1]
    assert "correlation ratio income and race 0.312 900 0.0020" in text
    assert "for people to say" in text


def test_drift_within_a_group_names_column_and_group(sample):
    row = sample.Measurement("psi", ("decision",), group={"sex": "F"}, value=0.3, n=90)
    assert subject_words(row) == "decision within sex: F"


def test_the_shares_of_the_column_that_decided_are_drawn(pages):
    text = read(pages / "mortgage_underwriting.html").text
    assert "FL-10: amount, the window and its reference" in text
    assert "bars: window, n 923; lines: reference, n 183" in text


def test_every_measurement_stands_in_the_tables(sample, pages):
    text = read(pages / "mortgage_underwriting.html").text
    assert "impact ratio race: black 0.743 0.661 to 0.824 197 < 0.0001 race: white" in text
    assert "impact ratio race: hispanic, sex: unknown undefined 0 listed, not judged: fewer than 30" in text
    assert "race: unknown" in text


def test_made_up_data_and_the_untrusted_key_are_named_on_every_page_that_shows_them(sample, pages):
    for name in ("index.html", "mortgage_underwriting.html"):
        text = read(pages / name).text
        assert sample.DECLARED.about_data in text
        assert sample.DECLARED.synthetic.note in text
    for path in pages.iterdir():
        assert "demo (untrusted)" in read(path).text


def test_row_accounting_adds_up_or_says_where_it_does_not(sample, pages, tmp_path):
    assert (
        "1,990 source rows = 1,988 accepted + 2 quarantined + 0 duplicate"
        in read(pages / "mortgage_underwriting.html").text
    )
    days = dict(list(sample.ROWS.items())[:5])
    *_, fourth, fifth = days
    broken = days | {
        fourth: replace(days[fourth], accepted=1),
        fifth: replace(days[fifth], accepted=days[fifth].accepted + 66),
    }
    rows = broken.values()
    assert sum(row.source_count for row in rows) == sum(row.accepted + row.quarantined for row in rows)
    render(sample.report(sample.system(rows=broken)), tmp_path)
    text = read(tmp_path / "mortgage_underwriting.html").text
    assert "They do not add up on 2026-09-04, 2026-09-05" in text
    assert "≠" in text


def test_missed_windows_are_named_and_counted(sample, tmp_path):
    missed = tuple(date(2026, 8, 1) + timedelta(days=i) for i in range(20))
    render(sample.report(sample.system(missed=missed)), tmp_path)
    for name in ("index.html", "mortgage_underwriting.html"):
        assert "20 missed: 2026-08-20" in read(tmp_path / name).text
        assert "and 13 before" in read(tmp_path / name).text


def test_an_empty_store_still_has_pages(sample, tmp_path):
    fresh = replace(sample.CONTROLS[0], verdict=None, reason="", history=(), last_partition=None, n=None)
    bare = sample.system(controls=(fresh,), partitions=(), rows={}, snapshots=())
    render(sample.report(bare, mistakes=("defs.yaml:3: attributes.zone: not a zone. Write one.",)), tmp_path)
    text = read(tmp_path / "index.html").text
    assert "no partition is signed yet" in text
    assert "never ran" in text
    assert "defs.yaml:3: attributes.zone" in text
    assert "No snapshot is signed yet" in read(tmp_path / "mortgage_underwriting.html").text
    render(replace(sample.report(), systems=()), tmp_path)
    assert "0 of 0 clauses are red" in read(tmp_path / "index.html").text


def test_hostile_values_stay_text(sample, tmp_path):
    row = sample.rate({"race": HOSTILE, "sex": "x"}, 0.5, 0.4, 0.6, 10, against={"race": HOSTILE}, note=HOSTILE)
    view = replace(
        sample.CONTROLS[4], clause="H-1", text=HOSTILE, reason=HOSTILE, gap=HOSTILE, sentence=HOSTILE, owner=HOSTILE,
        document=HOSTILE, threshold=HOSTILE, synthetic=(HOSTILE,), measurements=(row, sample.RACE[0]), policy=HOSTILE,
    )  # fmt: skip
    made_up = sample.DECLARED.synthetic.model_copy(update={"note": HOSTILE})
    said = {"purpose": HOSTILE, "about_data": HOSTILE, "synthetic": made_up}
    declared = sample.DECLARED.model_copy(update=said)
    hostile = sample.system(HOSTILE, declared, controls=(view,), key_names={sample.KEY: HOSTILE})
    written = render(sample.report(hostile, mistakes=(HOSTILE,)), tmp_path)
    assert len(written) == 3
    for path in written:
        page = read(path)
        assert "script" not in page.tags
        assert path.parent == tmp_path
        assert "alert('x')" in page.text or path.name == "verify.html"


def test_without_the_extra_the_pages_say_so_and_keep_the_numbers(sample, tmp_path, monkeypatch):
    monkeypatch.setattr("gov_pipelines.report.charts.drawing.find_spec", lambda name: None)
    render(sample.report(), tmp_path)
    page = read(tmp_path / "mortgage_underwriting.html")
    assert "pip install 'gov-pipelines[charts]'" in page.text
    assert page.text.count("Chart not drawn") == 8
    assert "0.743 0.661 to 0.824" in page.text


def test_importing_the_room_imports_nothing_heavy():
    code = (
        "import sys, gov_pipelines.report;"
        "print(sorted({'altair', 'jinja2', 'vl_convert', 'pandas'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
