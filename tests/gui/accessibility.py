"""Finds and works widgets through AT-SPI, the way a screen reader does.

A selector is a dict: role, name (exact), contains (part of the name),
app (its accessible name), within (a selector of an ancestor), nth (0 is the
first match, -1 the last), hidden (true: match what is not on screen, too).
"""

import os
import time

# Read by the library when it is loaded: a test asks for what is there now.
os.environ["ATSPI_NO_CACHE"] = "1"

import gi  # noqa: E402

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

PRESS_PAUSE = 0.3  # seconds; GTK takes faster presses of a button as one
POLL = 0.1  # seconds
ANSWER = 10_000  # milliseconds

State = Atspi.StateType
REPORTED_STATES = {
    "active": State.ACTIVE,
    "checked": State.CHECKED,
    "editable": State.EDITABLE,
    "enabled": State.ENABLED,
    "expanded": State.EXPANDED,
    "focused": State.FOCUSED,
    "pressed": State.PRESSED,
    "selected": State.SELECTED,
    "sensitive": State.SENSITIVE,
    "showing": State.SHOWING,
    "visible": State.VISIBLE,
}


class NotFound(Exception):
    """No widget matched in time."""


def start():
    """Connects to the accessibility bus."""
    Atspi.init()
    # A computer that is very busy is no program that hangs; the library gives up after 0.8 s.
    Atspi.set_timeout(ANSWER, ANSWER)


def children(node):
    for index in range(node.get_child_count()):
        child = node.get_child_at_index(index)
        if child is not None:
            yield child


def walk(node, depth=0):
    """The node and all below it, in order. What vanishes meanwhile is left out."""
    yield node, depth
    try:
        below = list(children(node))
    except GLib.Error:
        return
    for child in below:
        yield from walk(child, depth + 1)


def applications():
    return children(Atspi.get_desktop(0))


def has_state(node, state):
    return node.get_state_set().contains(state)


def matches(node, selector):
    if "role" in selector and node.get_role_name() != selector["role"]:
        return False
    name = node.get_name() or ""
    if "name" in selector and name != selector["name"]:
        return False
    if "contains" in selector and selector["contains"] not in name:
        return False
    return selector.get("hidden", False) or has_state(node, State.SHOWING)


def roots(selector):
    within = selector.get("within")
    if within is not None:
        return find_all(within)
    wanted = selector.get("app")
    return [app for app in applications() if wanted in (None, app.get_name())]


def search(node, selector):
    """Every match below the node, in tree order. Where a match holds another,
    the inner one counts: a row with a switch is named like its switch."""
    found = []
    try:
        below = list(children(node))
    except GLib.Error:
        return found
    for child in below:
        inner = search(child, selector)
        try:
            if not inner and matches(child, selector):
                inner = [child]
        except GLib.Error:
            continue
        found += inner
    return found


def find_all(selector):
    try:
        return [node for root in roots(selector) for node in search(root, selector)]
    except GLib.Error:
        return []


def pick(found, selector):
    nth = selector.get("nth", 0)
    inside = -len(found) <= nth < len(found)
    return found[nth] if inside else None


def wait(selector, timeout):
    """The match, as soon as there is one."""
    end = time.monotonic() + timeout
    while True:
        node = pick(find_all(selector), selector)
        if node is not None:
            return node
        if time.monotonic() > end:
            raise NotFound(f"nothing matched {selector} within {timeout} s; there is:\n{tree()}")
        time.sleep(POLL)


def wait_gone(selector, timeout):
    end = time.monotonic() + timeout
    while pick(find_all(selector), selector) is not None:
        if time.monotonic() > end:
            raise NotFound(f"{selector} was still there after {timeout} s")
        time.sleep(POLL)


def wait_read(selector, timeout, read):
    """What is read of the match, as soon as there is one that stays until it is read."""
    end = time.monotonic() + timeout
    while True:
        node = wait(selector, max(0.0, end - time.monotonic()))
        try:
            return read(node)
        except GLib.Error:
            # A list that was filled anew, perhaps; then it is there again.
            if time.monotonic() > end:
                raise
        time.sleep(POLL)


def wait_described(selector, timeout):
    """What the match is."""
    return wait_read(selector, timeout, describe)


def wait_placed(selector, timeout):
    """Where the match is: the name of its window, and its extents there."""
    return wait_read(selector, timeout, lambda node: (window_name_of(node), describe(node)["extents"]))


def wait_state(selector, state, value, timeout):
    """Waits until the match has, or has not, one of REPORTED_STATES."""
    end = time.monotonic() + timeout
    while True:
        seen = wait_described(selector, max(0.0, end - time.monotonic()))
        if (state in seen["states"]) == value:
            return seen
        if time.monotonic() > end:
            raise NotFound(f"{selector} did not become {'' if value else 'not '}{state}; it is {seen}")
        time.sleep(POLL)


def text_of(node):
    text = node.get_text_iface()
    if text is None:
        return None
    return Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text))


def action_names(node):
    action = node.get_action_iface()
    if action is None:
        return []
    names = []
    for index in range(action.get_n_actions()):
        try:
            names.append(action.get_action_name(index))
        except GLib.Error:
            # GTK counts those of an insensitive widget, and does not name them.
            names.append("")
    return names


def describe(node):
    value = node.get_value_iface()
    extents = None
    component = node.get_component_iface()
    if component is not None:
        box = component.get_extents(Atspi.CoordType.WINDOW)
        extents = [box.x, box.y, box.width, box.height]
    return {
        "role": node.get_role_name(),
        "name": node.get_name() or "",
        "description": node.get_description() or "",
        "text": text_of(node),
        "value": value.get_current_value() if value is not None else None,
        "states": [name for name, state in REPORTED_STATES.items() if has_state(node, state)],
        "actions": action_names(node),
        "extents": extents,
    }


def tree(hidden=False):
    """What is on screen, an indented line for each widget that says something."""
    lines = []
    for app in applications():
        for node, depth in walk(app):
            try:
                if depth and not hidden and not has_state(node, State.SHOWING):
                    continue
                name, text = node.get_name() or "", text_of(node)
                said = repr(name) if not text or text == name else f"{name!r} text {text!r}"
                lines.append(f"{'  ' * depth}{node.get_role_name()} {said}")
            except GLib.Error:
                continue
    return "\n".join(lines)


def windows():
    """The names of the top-level windows on screen."""
    return [
        {"app": app.get_name() or "", "name": window.get_name() or "", "role": window.get_role_name(),
         "active": has_state(window, State.ACTIVE)}
        for app in applications()
        for window in children(app)
        if has_state(window, State.SHOWING)
    ]


def own_action(node):
    """The index of what activating the widget does, not of a menu's entries
    such as `clipboard.copy`, which have a dot in their name."""
    for index, name in enumerate(action_names(node)):
        if "." not in name:
            return index
    return None


def press(node):
    """A button is clicked, a switch toggled. False where the widget offers no
    action to assistive tools; then only the pointer is left."""
    if not has_state(node, State.SENSITIVE):
        raise NotFound(f"{describe(node)} is insensitive")
    index = own_action(node)
    if index is None:
        return False
    if not node.get_action_iface().do_action(index):
        raise NotFound(f"{describe(node)} refused its action")
    time.sleep(PRESS_PAUSE)
    return True


def set_text(node, text):
    editable = node.get_editable_text_iface()
    if editable is None:
        # Rows and spin buttons keep their text widget inside.
        inner = [n for n, _ in walk(node) if n.get_editable_text_iface() is not None and has_state(n, State.EDITABLE)]
        if not inner:
            raise NotFound(f"{describe(node)} takes no text")
        node, editable = inner[0], inner[0].get_editable_text_iface()
    if not editable.set_text_contents(text):
        raise NotFound(f"{describe(node)} refused the text")


def items(node):
    """The names of a list's entries: of an open combo box, the longest list in it."""
    lists = [[child for child in children(n) if child.get_role_name() == "list item"]
             for n, _ in walk(node) if n.get_role_name() in ("list", "list box")]
    entries = max(lists, key=len, default=[])
    return [[n.get_name() for n, _ in walk(entry) if n.get_name()] for entry in entries]


def window_name_of(node):
    """The name of the top-level window that holds the widget."""
    while node is not None:
        parent = node.get_parent()
        if parent is None or parent.get_role_name() == "application":
            return node.get_name() or ""
        node = parent
    return ""
