"""A browser page that the tests watch."""
import os

WAIT = int(os.environ.get("CONSOLE_WAIT", 60_000))  # milliseconds; generous, a test waits for what it needs and no longer


class Watched:
    """A page whose errors, and breaches of its Content-Security-Policy, fail the test."""

    def __init__(self, page, admin):
        self.page, self.admin, self.faults, self.expected = page, admin, [], False
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", self._said)

    def _said(self, message):
        text = message.text
        network = "Failed to load resource" in text  # an answer that the test itself asks for
        if message.type in ("error", "warning") and not network:
            self.faults.append(f"{message.type}: {text}")

    def open(self, place):
        self.page.goto(f"{self.admin}/#/{place}")
        self.page.get_by_role("heading", level=1).first.wait_for()
        return self.page
