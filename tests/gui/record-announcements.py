#!/usr/bin/env python3
"""Hears what programs have a screen reader say (object:announcement): adds each as a
line of JSON to announcements.jsonl in the session's runtime directory. Prints a line
once it listens."""

import json
import os

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

PATH = os.path.join(os.environ["XDG_RUNTIME_DIR"], "announcements.jsonl")


def heard(event):
    said = {"app": event.source.get_application().get_name() or "", "text": event.any_data,
            "assertive": event.detail1 == Atspi.Live.ASSERTIVE}
    with open(PATH, "a", encoding="utf-8") as out:
        out.write(json.dumps(said) + "\n")


Atspi.init()
listener = Atspi.EventListener.new(heard)
listener.register("object:announcement")
print("listening", flush=True)
Atspi.event_main()
