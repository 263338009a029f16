"""The report in a real browser: Chromium without a window."""

import json
import re
import shutil
import subprocess

import pytest
from run_folders import write_comparison, write_run

from pinnkit.compare.report import report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

PROBE = """
<script>
window.addEventListener("error", (event) => errors.push(event.message));
const out = {errors};
const frame = (width) => new Promise((done) => {
  const it = document.createElement("iframe");
  it.style.width = width + "px"; it.style.height = "844px"; it.style.border = "0";
  it.addEventListener("load", () => {
    const page = it.contentDocument, root = page.documentElement;
    out["overflow" + width] = root.scrollWidth - root.clientWidth;
    out["wide" + width] = [...page.querySelectorAll("main *")]
      .filter((e) => !e.closest(".table, pre, svg") && e.getBoundingClientRect().right > root.clientWidth + 1)
      .map((e) => e.tagName + "." + e.className);
    done(page);
  });
  it.srcdoc = text; document.body.append(it);
});
(async () => {
  const page = await frame(1280);
  await frame(390);
  const view = page.defaultView, 
    table = [...page.querySelectorAll("table")].find((it) => it.tBodies[0].rows.length === 3);
  out.background = view.getComputedStyle(page.body).backgroundColor;
  out.ink = view.getComputedStyle(page.querySelector("svg text")).fill;
  out.buttons = page.querySelectorAll("th button").length;
  const title = [...table.tHead.rows[0].cells].findIndex((t) => t.textContent.startsWith("relative L2"));
  const order = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
  const sort = () => table.tHead.rows[0].cells[title].getAttribute("aria-sort");
  const button = table.tHead.rows[0].cells[title].querySelector("button");
  button.focus(); out.focused = page.activeElement === button;
  button.click(); out.ascending = [sort(), order()];
  button.click(); out.descending = [sort(), order()];
  const picture = page.querySelector(".picture");
  picture.dispatchEvent(new view.KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
  const dialog = page.querySelector("dialog");
  out.zoomed = dialog.open && dialog.querySelectorAll("svg, img").length === 1;
  dialog.querySelector("button").click(); out.closed = !dialog.open;
  document.title = "done";
  const pre = document.createElement("pre"); pre.id = "found"; pre.textContent = JSON.stringify(out);
  document.body.append(pre);
})().catch((error) => { errors.push(String(error)); document.body.append("broken: " + error); });
</script>
"""


def chromium(*arguments):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def probe(file, folder, scheme):
    """Opens a report in frames of two widths, works with it by a script, and returns what that saw."""
    # A frame's errors go to its own window: the page reports them to the probe before its own script runs.
    watch = "<script>addEventListener('error', (e) => parent.errors.push(e.message));</script>"
    text = json.dumps(file.read_text().replace("<head>", "<head>" + watch, 1)).replace("</", "<\\/")
    harness = folder / "harness.html"
    harness.write_text(f"<!DOCTYPE html><body><script>var errors = []; const text = {text};</script>{PROBE}")
    scheme = f"--blink-settings=preferredColorScheme={scheme}"
    page = chromium(scheme, "--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom", harness.as_uri())
    found = re.search(r'<pre id="found">(.*?)</pre>', page, re.DOTALL)
    assert found, page[-300:]
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    root = write_comparison(tmp_path_factory.mktemp("runs"))
    # What a phone is most easily broken by: long names without a place to break.
    write_run(root / "long/seed-0", 0, 1e-3, problem="a" * 60, space="space_" * 12, method="adam+ssbroyden" * 4)
    return report([root])[0]


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_it_works_at_both_widths_and_in_both_schemes(file, tmp_path, scheme):
    found = probe(file, tmp_path, scheme)
    assert found["errors"] == []
    assert found["overflow1280"] <= 0 and found["overflow390"] <= 0
    assert found["wide1280"] == [] and found["wide390"] == []
    assert found["buttons"] > 20 and found["focused"] and found["zoomed"] and found["closed"]
    assert found["ascending"] == ["ascending", ["lrnn", "siren", "mlp"]]
    assert found["descending"] == ["descending", ["mlp", "siren", "lrnn"]]
    light = [sum(map(int, re.findall(r"\d+", found[part])[:3])) > 380 for part in ("background", "ink")]
    assert light == ([True, False] if scheme else [False, True])


@pytest.mark.parametrize("width,height", [(1280, 900), (390, 844)])
def test_it_can_be_photographed(file, tmp_path, width, height):
    from matplotlib.image import imread

    chromium(f"--window-size={width},{height}", f"--screenshot={tmp_path / 'shot.png'}", file.as_uri())
    shot = imread(tmp_path / "shot.png")
    assert shot.shape[:2] == (height, width)
    assert 0.01 < (abs(shot[..., :3] - shot[0, 0, :3]).max(-1) > 0.2).mean() < 0.5
