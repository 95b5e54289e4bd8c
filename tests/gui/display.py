"""A desktop without a display: X server, window manager with shadows, and
notifications, all as children of the session that starts them."""

import json
import os
import re
import select
import subprocess
import time

SCREEN = "1600x1200x24"
BACKGROUND = "#dcdfe4"
START_TIMEOUT = 20  # seconds
MARGIN = 24  # pixels of background around a window in its picture

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, "record-notification.py")
CHOOSE = os.path.join(HERE, "choose-action.py")

DUNST = f"""
[global]
    history_length = 100
    idle_threshold = 0
    origin = bottom-right
    dmenu = {CHOOSE}
[urgency_low]
    timeout = 0
[urgency_normal]
    timeout = 0
[record]
    script = {RECORD}
"""


class Display:
    """Started by the constructor; `close` ends what it started."""

    def __init__(self):
        self.processes = []
        self.runtime = os.environ["XDG_RUNTIME_DIR"]
        try:
            self._start_all()
        except Exception as error:
            raise RuntimeError(f"the display did not start: {error}\n{self.logs()}") from error

    def _start_all(self):
        number = self._start_server()
        os.environ.update({
            "DISPLAY": f":{number}",
            "GDK_BACKEND": "x11",
            # Stable pixels, whatever the host's graphics are.
            "GSK_RENDERER": "cairo",
            "LIBGL_ALWAYS_SOFTWARE": "1",
        })
        # What the bus starts in this session belongs to this display, too.
        systemd = ["--systemd", "XDG_SESSION_ID", "XDG_SESSION_TYPE"] if "XDG_SESSION_ID" in os.environ else []
        subprocess.run(
            ["dbus-update-activation-environment", *systemd, "DISPLAY", "GDK_BACKEND", "GSK_RENDERER",
             "LIBGL_ALWAYS_SOFTWARE"], check=True)
        # Its own windows are no business of the tests.
        self._start("xfwm4", "--compositor=on", "--vblank=off", "--sm-client-disable",
                    env={**os.environ, "NO_AT_BRIDGE": "1"})
        self._wait_for_window_manager()
        self._start("dunst", "-config", self._file("dunstrc", DUNST))
        subprocess.run(["hsetroot", "-solid", BACKGROUND], check=True)

    def _file(self, name, text):
        path = os.path.join(self.runtime, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def _start(self, *command, **options):
        log = open(os.path.join(self.runtime, f"{command[0]}.log"), "wb")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        self.processes.append(process)
        return process

    def _start_server(self):
        read, write = os.pipe()
        self._start("Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp", "-dpi", "96",
                    "-noreset",  # else it starts anew whenever its last client leaves
                    pass_fds=[write])
        os.close(write)
        # The number comes in pieces; the server dies if nobody reads them all.
        number, end = b"", time.monotonic() + START_TIMEOUT
        while not number.endswith(b"\n") and select.select([read], [], [], max(0, end - time.monotonic()))[0]:
            piece = os.read(read, 16)
            if not piece:
                break
            number += piece
        os.close(read)
        number = number.decode().strip()
        if not number:
            raise RuntimeError("the X server did not start")
        return number

    def _wait_for_window_manager(self):
        """Until it offers to, a toolkit draws its windows without their shadows."""
        end = time.monotonic() + START_TIMEOUT
        while "_GTK_FRAME_EXTENTS" not in run("xprop", "-root", "_NET_SUPPORTED"):
            if time.monotonic() > end:
                raise RuntimeError("the window manager did not start")
            time.sleep(0.05)

    def logs(self):
        """What the programs of the display have complained."""
        said = []
        for name in sorted(os.listdir(self.runtime)):
            if name.endswith(".log"):
                with open(os.path.join(self.runtime, name), encoding="utf-8", errors="replace") as log:
                    said.append(f"{name}: {log.read()[-1000:].strip()}")
        return "\n".join(said)

    def close(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def window_id(name):
    """The X window whose title is exactly `name`, once there is one; the topmost if several."""
    deadline = time.monotonic() + 10
    while True:
        try:
            found = run("xdotool", "search", "--onlyvisible", "--name", f"^{re.escape(name)}$").split()
            return found[-1]
        except RuntimeError:
            # The search also ends when any other window closes meanwhile.
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.1)


def geometry(window):
    """x, y, width and height of the window on the screen, shadows included."""
    values = dict(line.split("=", 1) for line in run("xdotool", "getwindowgeometry", "--shell", window).split())
    return tuple(int(values[key]) for key in ("X", "Y", "WIDTH", "HEIGHT"))


def shadow(window):
    """Left, right, top, bottom: what the toolkit draws around the window proper."""
    said = run("xprop", "-id", window, "_GTK_FRAME_EXTENTS")
    numbers = [int(n) for n in re.findall(r"\d+", said.partition("=")[2])]
    return tuple(numbers) if len(numbers) == 4 else (0, 0, 0, 0)


def screenshot(path, window_name=None, margin=MARGIN):
    """A picture of the window with a little background around it, or of the screen."""
    time.sleep(0.3)  # the last frame and its shadow are drawn
    if window_name is None:
        run("import", "-silent", "-window", "root", path)
        return
    window = window_id(window_name)
    run("xdotool", "windowraise", window)
    time.sleep(0.2)
    x, y, width, height = geometry(window)
    left, right, top, bottom = shadow(window)
    x, y = x + left - margin, y + top - margin
    width, height = width - left - right + 2 * margin, height - top - bottom + 2 * margin
    crop = f"{width - min(x, 0) * -1}x{height - min(y, 0) * -1}+{max(x, 0)}+{max(y, 0)}"
    run("import", "-silent", "-window", "root", "-crop", crop, "+repage", path)


def click(window_name, x, y):
    """A real click of the pointer, x and y within the window proper."""
    window = window_id(window_name)
    run("xdotool", "windowraise", window)
    left, _, top, _ = shadow(window)
    origin_x, origin_y, _, _ = geometry(window)
    run("xdotool", "mousemove", str(origin_x + left + x), str(origin_y + top + y), "click", "1")


def scroll(window_name, clicks, delay):
    """Turns the wheel over the window, so many clicks (up, if negative) with so many milliseconds in between."""
    x, y, width, height = geometry(window_id(window_name))
    button = "5" if clicks > 0 else "4"
    run("xdotool", "mousemove", str(x + width * 2 // 3), str(y + height * 2 // 3),
        "click", "--repeat", str(abs(clicks)), "--delay", str(delay), button)


def drag(window_name, start, end, steps, delay):
    """Drags between two places within the window proper, in so many steps with so many milliseconds in between."""
    window = window_id(window_name)
    left, _, top, _ = shadow(window)
    origin_x, origin_y, _, _ = geometry(window)

    def move(part):
        at = [round(a + (b - a) * part) for a, b in zip(start, end)]
        return ["mousemove", str(origin_x + left + at[0]), str(origin_y + top + at[1])]

    way = [word for step in range(1, steps + 1) for word in [*move(step / steps), "sleep", str(delay / 1000)]]
    run("xdotool", *move(0), "sleep", "0.3", "mousedown", "1", *way, "mouseup", "1")


def activate(window_name):
    run("xdotool", "windowactivate", "--sync", window_id(window_name))


def key(*keys):
    run("xdotool", "key", "--delay", "50", *keys)


def type_text(text):
    run("xdotool", "type", "--delay", "20", text)


def resize(window_name, width, height):
    window = window_id(window_name)
    left, right, top, bottom = shadow(window)
    run("xdotool", "windowsize", window, str(width + left + right), str(height + top + bottom))


def recorded(name):
    """The lines of a file of the session, which need not be there yet."""
    try:
        with open(os.path.join(os.environ["XDG_RUNTIME_DIR"], name), encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    except FileNotFoundError:
        return []


def notifications():
    """What the notification daemon has shown so far, oldest first."""
    return recorded("notifications.jsonl")


def choose_in_notification(texts):
    """Chooses the first action on screen whose line, with the title of its
    notification, has all these texts. Gives all there were."""
    runtime = os.environ["XDG_RUNTIME_DIR"]
    choices = os.path.join(runtime, "choices.txt")
    if os.path.exists(choices):
        os.remove(choices)
    with open(os.path.join(runtime, "choice.json"), "w", encoding="utf-8") as out:
        json.dump(texts, out)
    run("dunstctl", "context")
    end = time.monotonic() + START_TIMEOUT
    while not os.path.exists(choices):
        if time.monotonic() > end:
            raise RuntimeError("no notification on screen has actions")
        time.sleep(0.05)
    time.sleep(0.2)  # the daemon reads what was chosen
    with open(choices, encoding="utf-8") as lines:
        return lines.read().splitlines()


def notification_action(action="0"):
    """Fires an action of the newest notification on screen."""
    run("dunstctl", "action", action)
