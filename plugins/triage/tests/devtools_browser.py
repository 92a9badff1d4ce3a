"""A headless Chromium over the pipe of its DevTools protocol: real widths, real keys, light and dark, paper.

Chromium reads commands from descriptor 3 and answers on 4, as JSON with a zero byte behind each
(https://chromedevtools.github.io/devtools-protocol/). No port is opened.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from base64 import b64decode

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NO_CHROMIUM = "Chromium is not on this machine (CI installs it)"
PATIENCE = 120
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)


class Browser:
    """One tab. `open` shows a page; the rest asks about the page that is shown.

    Args:
        folder: for the browser's own files and for the pages; of this browser alone.
    """

    def __init__(self, folder):
        self._folder, self._number, self._rest = folder, 0, b""
        self.console = []
        # High numbers, so that the copies to 3 and 4 in the child overwrite neither of them.
        (child_in, self._out), (self._in, child_out) = _pipe(), _pipe()

        def place():
            os.dup2(child_in, 3)
            os.dup2(child_out, 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *_OPTIONS, f"--user-data-dir={folder / 'user'}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=place, pass_fds=(3, 4),  # noqa: PLW1509 - the two copies take no lock
        )  # fmt: skip
        os.close(child_in)
        os.close(child_out)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        """End the browser."""
        os.close(self._out)  # Chromium ends when its pipe does
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    def call(self, method, **parameters):
        """One command and its answer; messages of the console are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def open(self, html, width, *, dark=False, media="", height=900):
        """Show a page in a window of that size."""
        file = self._folder / "page.html"
        file.write_bytes(html)
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.console.clear()
        self._loaded = False
        self.call("Page.navigate", url=file.as_uri())
        while not self._loaded:
            self._read()

    def value(self, code):
        """What an expression, or the promise that it gives, comes to in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key, code, text=""):
        """One key, as a keyboard sends it."""
        its = {"key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}
        self.call("Input.dispatchKeyEvent", type="keyDown", **its)
        self.call("Input.dispatchKeyEvent", type="keyUp", **its)

    def picture(self):
        """The whole page, as PNG."""
        box = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": box["width"], "height": box["height"], "scale": 1}
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return b64decode(answer["data"])

    def paper(self):
        """The page as it is printed, as PDF."""
        return b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def _write(self, data):
        while data:
            data = data[os.write(self._out, data) :]

    def _read(self):
        """The next message; one that is no answer is noted."""
        limit = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0, limit - time.monotonic()))
            assert ready, "Chromium does not answer"
            data = os.read(self._in, 1 << 20)
            assert data, "Chromium has ended"
            self._rest += data
        first, self._rest = self._rest.split(b"\0", 1)
        message = json.loads(first)
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Log.entryAdded":
                self.console.append(message["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.console.append(json.dumps(message["params"]))
        return message


def _pipe():
    low = os.pipe()
    high = tuple(fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in low)
    for each in low:
        os.close(each)
    return high
