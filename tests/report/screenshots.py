"""Draw the sample report and photograph it: `python tests/report/screenshots.py FOLDER` (needs Chromium)."""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from gov_pipelines.report import render

SHOTS = (
    ("index", 1280, 4700, ()), ("index", 400, 8200, ()), ("index", 1280, 2300, ("--blink-settings=preferredColorScheme=0",)),
    ("mortgage_underwriting", 1280, 7200, ()), ("mortgage_underwriting", 400, 5000, ()),
    ("mortgage_underwriting", 1280, 2600, ("--blink-settings=preferredColorScheme=0",)), ("verify", 1280, 1500, ()),
    ("two_systems", 1280, 3600, ()),
)  # fmt: skip


def photograph(page, width, height, shot, extra):
    # Headless Chromium keeps windows at least 500 wide, so a frame of the wanted width is photographed and cropped.
    with tempfile.TemporaryDirectory() as profile:
        frame = Path(profile) / "frame.html"
        frame.write_text(
            f"<body style='margin:0'><iframe src='{page.resolve().as_uri()}' style='border:0;width:{width}px;height:{height}px'>"
        )
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
             "--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={profile}/p", *extra,
             "--allow-file-access-from-files", f"--window-size={max(width, 500)},{height}", f"--screenshot={shot}",
             frame.as_uri()],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip


def main(folder):
    spec = importlib.util.spec_from_file_location("sample", Path(__file__).with_name("sample.py"))
    sample = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sample)
    render(sample.report(), folder)
    render(sample.report(sample.system(), sample.system("credit_cards", controls=sample.CONTROLS[3:8])), folder / "two")
    for name, width, height, extra in SHOTS:
        page = folder / "two" / "index.html" if name == "two_systems" else folder / f"{name}.html"
        photograph(page, width, height, folder / f"{name}-{width}{'-dark' if extra else ''}.png", extra)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
