"""The playground's engine under node, and its page in a browser."""

import fcntl
import json
import os
import shutil
import subprocess

import pytest

from nanonet.explorer.playground.assemble import engine, playground_page

NODE = shutil.which("node") or shutil.which("nodejs")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed"
)

PROBLEM = """
function problemOfCase({ sizes, hidden = "sigmoid", output = "sigmoid", loss, x, y }) {
  const network = makeNetwork(sizes, hidden, output);
  const rows = x.map((row) => Float64Array.from(row));
  return { network, loss, x: rows, y: Float64Array.from(y) };
}
"""


def in_node(script, given=None):
    """What the script, which has the engine and ``given``, returns."""
    program = (
        f'"use strict";{engine()}{PROBLEM}const given = JSON.parse(process.argv[1]);'
    )
    program += f"process.stdout.write(JSON.stringify((() => {{{script}}})()));"
    command = [NODE, "-e", program, json.dumps(given)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


SETTLED = """
const nextFrame = () => new Promise((done) => requestAnimationFrame(done));
const until = async (holds) => { do await nextFrame(); while (!holds()); };
const busy = () => page.dirty || page.behind || page.target !== null;
const settled = () => until(() => !busy());
"""
ERRORS = "const errors = []; onerror = (message) => { errors.push(message); };"


def in_browser(tmp_path, script, fragment=""):
    """What the script returns, once the page has come up in headless Chromium."""
    page = tmp_path / "page.html"
    text = playground_page().replace("<script>", f"<script>{ERRORS}</script><script>")
    page.write_text(text, "utf8")
    with Browser(tmp_path / "profile", f"{page.as_uri()}#{fragment}") as browser:
        loaded = "location.protocol === 'file:' && document.readyState === 'complete'"
        while not browser.evaluate(loaded):
            pass
        return browser.evaluate(f"(async () => {{{SETTLED}{script}}})()")


class Browser:
    """Headless Chromium with one page, spoken to through two pipes.

    The protocol is Chrome's own, of DevTools: JSON, each message ended by a 0.
    """

    def __init__(self, profile, url):
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--remote-debugging-pipe", f"--user-data-dir={profile}"]
        command += ["--window-size=1300,900"]
        inner, outer = os.pipe(), os.pipe()
        # Chromium reads from 3 and writes to 4: high numbers are out of the way.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (inner[0], outer[1])]
        shell = f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=ends,
            stderr=subprocess.DEVNULL,
        )
        for fd in (inner[0], outer[1], *ends):
            os.close(fd)
        self.to, self.of = os.fdopen(inner[1], "wb"), os.fdopen(outer[0], "rb")
        self.sent, self.session = 0, {}
        target = self.ask("Target.createTarget", url=url)["targetId"]
        opened = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = {"sessionId": opened["sessionId"]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.to.close()
        self.of.close()

    def evaluate(self, expression):
        """The value of an expression in the page, awaited if it is a promise."""
        how = {"awaitPromise": True, "returnByValue": True}
        told = self.ask("Runtime.evaluate", expression=expression, **how)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def ask(self, method, **params):
        """The answer to one message."""
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": params, **self.session}
        self.to.write(json.dumps(message).encode() + b"\0")
        self.to.flush()
        while (answer := self._next()).get("id") != self.sent:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self):
        read = bytearray()
        while (byte := self.of.read(1)) != b"\0":
            assert byte, "Chromium ended."
            read += byte
        return json.loads(read)
