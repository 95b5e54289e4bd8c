#!/bin/bash
# with-display.sh CMD…: runs CMD with a virtual display and a session bus of its
# own. Runs inside the sandbox root, where in-root.sh put it.
set -euo pipefail

XDG_RUNTIME_DIR=$(mktemp -d /tmp/runtime.XXXXXX)
export XDG_RUNTIME_DIR GDK_BACKEND=x11 GSK_RENDERER=cairo LIBGL_ALWAYS_SOFTWARE=1 GSETTINGS_BACKEND=memory
display=$XDG_RUNTIME_DIR/display
mkfifo "$display"
exec {ready}<>"$display"
Xvfb -displayfd "$ready" -screen 0 1600x1200x24 -nolisten tcp -noreset >/dev/null 2>"$XDG_RUNTIME_DIR/xvfb.log" &
xvfb=$!
trap 'kill "$xvfb" 2>/dev/null || true' EXIT
if ! read -r -t 20 number <&"$ready"; then
  cat "$XDG_RUNTIME_DIR/xvfb.log" >&2
  echo "error: the virtual display did not start" >&2
  exit 1
fi
DISPLAY=:$number dbus-run-session -- "$@"
