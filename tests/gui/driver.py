#!/usr/bin/env python3
"""Runs inside a user's session, or on a session bus alone: brings up a display,
then obeys one JSON object a line on standard input and answers each with one on
standard output, {"ok": RESULT} or {"error": TEXT}. Ends with its input."""

import json
import os
import signal
import subprocess
import sys
import time
import traceback

import accessibility as a11y
import display
from frames import Recorder
from polkit_agent import Agent
from tray import Tray

DEFAULT_TIMEOUT = 30.0  # seconds
MOST_TABS = 100
LISTENER = os.path.join(display.HERE, "record-announcements.py")


class Driver:
    """One method for each operation; its parameters are the request's fields."""

    def __init__(self):
        # Where there is none, nobody can be asked to authenticate.
        self.session = os.environ.get("XDG_SESSION_ID", "")
        self.display = display.Display()
        a11y.start()
        self.agent = Agent(self.session) if self.session else None
        self.tray = None
        self.listener = None
        self.programs = {}
        self.recorders = {}

    # widgets

    def wait(self, find, timeout=DEFAULT_TIMEOUT):
        return a11y.wait_described(find, timeout)

    def wait_gone(self, find, timeout=DEFAULT_TIMEOUT):
        a11y.wait_gone(find, timeout)

    def wait_state(self, find, state, value=True, timeout=DEFAULT_TIMEOUT):
        return a11y.wait_state(find, state, value, timeout)

    def all(self, find):
        return [a11y.describe(node) for node in a11y.find_all(find)]

    def press(self, find, timeout=DEFAULT_TIMEOUT):
        if not a11y.press(a11y.wait(find, timeout)):
            self.click(find, timeout)

    def click(self, find, timeout=DEFAULT_TIMEOUT):
        window, (x, y, width, height) = a11y.wait_placed(find, timeout)
        display.click(window, x + width // 2, y + height // 2)
        time.sleep(a11y.PRESS_PAUSE)

    def click_at(self, window, x, y):
        """Also where the program does not answer: nothing is looked for."""
        display.click(window, x, y)

    def set_text(self, find, text, timeout=DEFAULT_TIMEOUT):
        a11y.set_text(a11y.wait(find, timeout), text)

    def choose(self, find, item, timeout=DEFAULT_TIMEOUT):
        """Opens a combo box and picks an entry by keyboard."""
        self.click(find, timeout)
        entries = a11y.items(a11y.wait(find, timeout))
        index = next((i for i, names in enumerate(entries) if item in names), None)
        if index is None:
            display.key("Escape")
            raise a11y.NotFound(f"there is no {item!r} in {find}; there is {entries}")
        display.key("Home", *["Down"] * index, "Return")
        time.sleep(a11y.PRESS_PAUSE)

    def focus(self, find, timeout=DEFAULT_TIMEOUT):
        """Gets there with the Tab key, as a person without a mouse would."""
        for _ in range(MOST_TABS):
            if "focused" in a11y.describe(a11y.wait(find, timeout))["states"]:
                return
            display.key("Tab")
        raise a11y.NotFound(f"{find} was not reached by {MOST_TABS} presses of Tab")

    def tree(self, hidden=False):
        return a11y.tree(hidden)

    # the screen

    def windows(self):
        return a11y.windows()

    def screenshot(self, path, window=None, margin=display.MARGIN):
        display.screenshot(path, window, margin)

    def activate(self, window):
        display.activate(window)

    def resize(self, window, width, height):
        display.resize(window, width, height)

    def key(self, keys):
        display.key(*keys)

    def type(self, text):
        display.type_text(text)

    def scroll(self, window, clicks, delay):
        display.scroll(window, clicks, delay)

    def drag(self, window, start, end, steps, delay):
        display.drag(window, start, end, steps, delay)

    def notifications(self):
        return display.notifications()

    def notification_action(self, action="0"):
        display.notification_action(action)

    def choose_in_notification(self, texts):
        return display.choose_in_notification(texts)

    # what a screen reader is told to say, from now on

    def listen(self):
        self.listener = subprocess.Popen([LISTENER], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.listener.stdout.readline()

    def announcements(self):
        return display.recorded("announcements.jsonl")

    # the tray, on a desktop that has one from now on

    def open_tray(self):
        self.tray = Tray()

    def tray_icon(self, timeout=DEFAULT_TIMEOUT):
        return self.tray.describe(timeout)

    def choose_in_tray(self, label, timeout=DEFAULT_TIMEOUT):
        self.tray.choose(label, timeout)

    def activate_in_tray(self, timeout=DEFAULT_TIMEOUT):
        self.tray.activate(timeout)

    # programs of this session

    def spawn(self, command, log):
        with open(log, "ab") as out:
            program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True)
        self.programs[program.pid] = program
        return program.pid

    def poll(self, pid):
        return self.programs[pid].poll()

    def kill(self, pid, signal_name="SIGTERM"):
        self.programs[pid].send_signal(signal.Signals[signal_name])
        status = self.programs[pid].wait(timeout=DEFAULT_TIMEOUT)
        if pid in self.recorders:
            self.recorders.pop(pid).close()
        return status

    def run(self, command, timeout=60.0):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
        return {"status": done.returncode, "stdout": done.stdout.decode(errors="replace"),
                "stderr": done.stderr.decode(errors="replace")}

    # programs whose frames are recorded

    def record(self, command, log):
        recorder = Recorder(command, log)
        pid = recorder.program.pid
        self.programs[pid], self.recorders[pid] = recorder.program, recorder
        return pid

    def frames(self, pid):
        return self.recorders[pid].taken()

    def settled(self, pid, quiet, timeout):
        return self.recorders[pid].settled(quiet, timeout)

    def memory(self, pid):
        return self.recorders[pid].memory()

    # authentication dialogs

    def authenticate_as(self, account=None, password=None):
        self.agent.answer_as(account, password)

    def authentications(self):
        return self.agent.requests

    def close(self):
        for program in self.programs.values():
            if program.poll() is None:
                program.kill()
        if self.listener is not None:
            self.listener.kill()
        self.display.close()


def answer(driver, line):
    try:
        request = json.loads(line)
        operation = request.pop("op")
        if operation.startswith("_"):
            raise ValueError(f"there is no operation {operation}")
        return {"ok": getattr(driver, operation)(**request)}
    except a11y.NotFound as error:
        return {"error": str(error)}
    except Exception:  # whatever it is, the test must hear of it
        return {"error": traceback.format_exc()}


def main():
    # Programs started from here must not write into the answers.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    driver = Driver()
    print(json.dumps({"ok": {"session": driver.session, "display": os.environ["DISPLAY"]}}), file=replies, flush=True)
    try:
        for line in sys.stdin:
            print(json.dumps(answer(driver, line)), file=replies, flush=True)
    finally:
        driver.close()


if __name__ == "__main__":
    main()
