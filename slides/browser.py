"""Look at rendered slides with a browser: which are overfull, lack a picture, or have writing that is too small."""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
SMALLEST = 20  # pixels on a slide of 1280 x 720
BOTTOM = 680  # below it lies the page number

LOOK = """
<script>
addEventListener("load", () => {
  const faults = [];
  document.querySelectorAll("section").forEach((slide, index) => {
    const frame = slide.getBoundingClientRect(), scale = frame.height / 720;
    const say = text => faults.push(`slide ${index + 1}: ${text}`);
    slide.querySelectorAll("*").forEach(part => {
      const place = part.getBoundingClientRect();
      if (!place.width || part.closest("mjx-assistive-mml") || part.closest("header")) return;
      const bottom = (place.bottom - frame.top) / scale, right = (place.right - frame.left) / scale;
      if (bottom > BOTTOM + 1) say(`overfull: <${part.localName}> ends at ${Math.round(bottom)} of BOTTOM pixels`);
      if (right > 1280 - 30) say(`too wide: <${part.localName}> ends at ${Math.round(right)} of 1250 pixels`);
      const written = [...part.childNodes].some(node => node.nodeType === 3 && node.data.trim());
      const size = parseFloat(getComputedStyle(part).fontSize);
      if (written && size < SMALLEST && !part.closest("svg svg"))
        say(`writing of ${size} pixels: ${part.textContent.slice(0, 30)}`);
    });
    slide.querySelectorAll("img").forEach(image => {
      const width = image.getBoundingClientRect().width / scale;
      if (!image.naturalWidth) say(`a picture is missing: ${image.alt}`);
      else if (width < image.naturalWidth * 0.98) say(`a picture is shrunk: ${image.alt}`);
    });
  });
  const report = document.createElement("pre");
  report.id = "faults";
  report.textContent = JSON.stringify(faults);
  document.body.append(report);
});
</script>
"""


def find() -> str:
    """The path of a browser of Chromium's family: CHROME_PATH, or the first found. Raises OSError if none is."""
    named = os.environ.get("CHROME_PATH")
    for name in [named] if named else NAMES:
        if found := shutil.which(name):
            return found
    raise OSError(
        f"No browser was found ({named or ', '.join(NAMES)}). The slides need Chromium, Chrome or Edge for the PDF and "
        "to see whether they are overfull. Install one (Debian, Ubuntu: apt install chromium), or set CHROME_PATH."
    )


def faults(page: Path) -> list[str]:
    """What is wrong with the slides of an HTML page that Marp wrote with its bare template."""
    look = LOOK.replace("BOTTOM", str(BOTTOM)).replace("SMALLEST", str(SMALLEST))
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        watched = page.with_name(f"{page.stem}.look.html")  # beside the page: its pictures are relative to it
        watched.write_text(text.replace("</body>", f"{look}</body>"), encoding="utf-8")
        command = [
            find(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1280,720",
            "--dump-dom",
        ]
        command += [
            f"--user-data-dir={folder}",
            "--virtual-time-budget=20000",
            "--allow-file-access-from-files",
        ]
        try:
            done = subprocess.run([*command, watched.as_uri()], capture_output=True, text=True, timeout=180)
        finally:
            watched.unlink()
    found = re.search(r'<pre id="faults">(.*?)</pre>', done.stdout, re.DOTALL)
    if not found:
        raise OSError(f"The browser did not render {page.name}:\n{done.stderr[-800:]}")
    return json.loads(html.unescape(found[1]))
