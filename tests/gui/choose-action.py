#!/usr/bin/env python3
"""Called by dunst to have somebody choose among the actions of the notifications on
screen, a line each: prints the first line that has every text of the list in
choice.json, in the session's runtime directory. What there was to choose from goes
to choices.txt."""

import json
import os
import sys

runtime = os.environ["XDG_RUNTIME_DIR"]
lines = sys.stdin.read().splitlines()
with open(os.path.join(runtime, "choices.txt"), "w", encoding="utf-8") as out:
    out.write("\n".join(lines))
with open(os.path.join(runtime, "choice.json"), encoding="utf-8") as wanted:
    texts = json.load(wanted)
for line in lines:
    if all(text in line for text in texts):
        print(line)
        break
