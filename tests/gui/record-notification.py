#!/usr/bin/env python3
"""Called by dunst for each notification it shows: adds it as a line of JSON to
notifications.jsonl in the session's runtime directory."""

import json
import os

FIELDS = ("app_name", "summary", "body", "urgency", "id", "desktop_entry", "category")

path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "notifications.jsonl")
said = {field: os.environ.get(f"DUNST_{field.upper()}", "") for field in FIELDS}
with open(path, "a", encoding="utf-8") as out:
    out.write(json.dumps(said) + "\n")
