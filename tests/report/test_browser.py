"""The pages in a real browser: no console message, no request but for the page's own file."""

import json
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: pages are not opened in a browser"),
]


def open_page(path, profile):
    """Open a page from its file; give its DOM, what it said to the console, and what it asked the network for.

    A browser makes requests of its own; those of a page are told apart by having an initiator.
    """
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}/profile", "--enable-logging=stderr",
         "--v=0", f"--log-net-log={profile}/net.json", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    events = json.loads((profile / "net.json").read_text())["events"]
    started = [event["params"] for event in events if "initiator" in event.get("params", {})]
    asked = {params["url"] for params in started if params["initiator"] != "not an origin"}
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line], asked


@pytest.mark.parametrize("name", ["index", "verify", "mortgage_underwriting", "index_system"])
def test_opens_quietly(pages, tmp_path, name):
    dom, console, asked = open_page(pages / f"{name}.html", tmp_path)
    assert "not legal advice" in dom
    assert console == []
    assert asked == set()


def test_the_browser_would_have_told(tmp_path):
    page = tmp_path / "loud.html"
    page.write_text("<img src='http://example.invalid/a.png'><script>console.error('loud')</script>")
    _, console, asked = open_page(page, tmp_path)
    assert "loud" in console[0]
    assert asked == {"http://example.invalid/a.png"}


def test_the_policy_of_the_pages_stops_a_smuggled_script(pages, tmp_path):
    page = tmp_path / "smuggled.html"
    text = (pages / "index.html").read_text()
    page.write_text(
        text.replace(
            "</main>", "<script>document.body.id = 'ran'</script><img src='http://example.invalid/a.png'></main>"
        )
    )
    dom, console, asked = open_page(page, tmp_path)
    assert 'id="ran"' not in dom
    assert len(console) == 2
    assert asked == set()
