"""How long a browser takes to open a report's page and to filter its runs, by the browser's own clock.

A script that is added to the page acts as a reader does, waits each time until the frame is drawn, and tells a local
server the milliseconds. Opening counts from the navigation's start, without the start of the browser.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 120

SCRIPT = """
<script>
addEventListener("load", async () => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const told = {}, search = document.getElementById("run-search");
  const time = async (name, action) => {
    const begin = performance.now();
    action();
    await drawn();
    told[name] = performance.now() - begin;
  };
  const type = (text) => () => { search.value = text; search.dispatchEvent(new Event("input")); };
  await drawn();
  told["open the page"] = performance.now();
  await time("filter runs by a word", type("latent_dim=5"));
  await time("filter runs by a measure", type("critic_accuracy<0.3"));
  await time("show all runs again", type(""));
  await time("sort runs by a measure", () => [...document.querySelectorAll("#run-table th")].at(-1).click());
  await time("open a cell of the map", () => document.querySelector("#maps button[data-cell]").click());
  fetch("/told", { method: "POST", body: JSON.stringify(told) });
});
</script>
"""


def browser() -> str | None:
    """Return the path of a browser that can be run without a screen; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def page_times(page: Path, program: str) -> dict[str, float]:
    """Open a report's page in a browser and act on it; return the seconds of each action by name.

    Raises:
        TimeoutError: The browser did not answer in time.
    """
    content = page.read_text(encoding="utf-8").replace("</body>", f"{SCRIPT}</body>").encode()
    told: dict[str, float] = {}
    is_told = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(content if self.path == "/" else b"")

        def do_POST(self) -> None:
            told.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            is_told.set()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, tempfile.TemporaryDirectory() as profile:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1280,1000"]
        command += [
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            f"http://127.0.0.1:{server.server_port}/",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if not is_told.wait(TIMEOUT_S):
                raise TimeoutError(f"{program} must open {page} within {TIMEOUT_S} s, but did not.")
        finally:
            process.terminate()
            process.wait()
            server.shutdown()
    return {name: value / 1000 for name, value in told.items()}
