"""The page in a real browser: what a reader does to it is done by a script that is added to a copy of the page."""

import html
import json
import re
import shutil
import subprocess

import pytest

from analysis.report import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser is installed: chromium or google-chrome")

ACTIONS = """
<script>
const told = {}, errors = [];
window.addEventListener("error", (event) => { if (event.message) errors.push(event.message); });
const search = document.getElementById("run-search"), count = document.getElementById("run-count");
const type = (text) => { search.value = text; search.dispatchEvent(new Event("input")); return count.textContent; };
const rows = () => [...document.querySelectorAll("#run-table tbody tr")];
const column = (index) => rows().map((row) => row.cells[index].textContent);
told.all = type("");
told.words = type("frozen z=5");
told.condition = type("critic_accuracy<0.64");
told.nothing = type("no such run");
type("");
const [block] = document.querySelectorAll("#run-choices select");
block.value = "categorical"; block.dispatchEvent(new Event("change"));
told.choice = count.textContent;
block.value = ""; block.dispatchEvent(new Event("change"));
const titles = [...document.querySelectorAll("#run-table th")].map((title) => title.textContent);
const seconds = titles.indexOf("critic accuracy");
document.querySelectorAll("#run-table th")[seconds].click();
told.ascending = column(seconds);
document.querySelectorAll("#run-table th")[seconds].click();
told.descending = column(seconds);
const cell = document.querySelector("#maps button[data-cell]");
told.words_of_cell = cell.title;
told.hatched = document.querySelectorAll("#maps button.hatched").length;
cell.click();
const panel = document.getElementById("cell");
told.open = !panel.hidden;
told.folders = [...panel.querySelectorAll("a")].map((link) => link.getAttribute("href"));
told.pictures = [...panel.querySelectorAll("img")].map((image) => image.getAttribute("src"));
const [families, measures] = document.querySelectorAll("#maps select");
told.families = [...families.options].map((option) => option.textContent);
told.first = cell.textContent;
measures.value = measures.options.length - 1; measures.dispatchEvent(new Event("change"));
told.other = document.querySelector("#maps button[data-cell]").textContent;
told.errors = errors;
document.body.append(Object.assign(document.createElement("pre"), { id: "told", textContent: JSON.stringify(told) }));
</script>
"""


def told_by(page, tmp_path):
    """Open a copy of a page in the browser, act on it, and return what the script saw."""
    copy = page.with_name("acted.html")
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{ACTIONS}</body>"), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--virtual-time-budget=5000", "--dump-dom", copy.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    return json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)[1]))


@pytest.mark.usefixtures("no_figures")
def test_a_reader_searches_sorts_filters_and_opens_cells(study_dir, tmp_path):
    folder = shutil.copytree(study_dir, tmp_path / "decomposition")
    told = told_by(write_report(folder), tmp_path)
    assert told["errors"] == []
    assert told["all"] == "46 of 46 runs" and told["nothing"] == "0 of 46 runs"
    assert told["words"] == "6 of 46 runs" and told["choice"] == "6 of 46 runs"
    assert 0 < int(told["condition"].split()[0]) < 46
    numbers = [float(text) for text in told["ascending"]]
    assert numbers == sorted(numbers) and told["descending"] == told["ascending"][::-1]
    # every cell of the synthetic study has a critic's accuracy above .55, and so is hatched
    assert (
        told["hatched"] == 6 and "not calibrated" in told["words_of_cell"] and "3 of 3 seeds" in told["words_of_cell"]
    )
    assert told["open"] and len(told["folders"]) == len(told["pictures"]) == 3
    for address in told["folders"]:
        assert (folder / "report" / address).is_dir()
    assert told["families"] == ["gaussian", "gaussian, frozen encoder", "categorical"]
    assert told["first"] != told["other"]
