#!/bin/bash
# windows.sh: compiles the windows that the app is measured beside, to
# target/bench. Runs inside the sandbox root, in the project's directory (in-root.sh).
set -euo pipefail

mkdir -p target/bench
read -ra flags <<<"$(pkg-config --cflags --libs libadwaita-1)"
for window in empty_window bare_table; do
  cc -O2 -Wall -Wextra -o "target/bench/$window" "tests/bench/$window.c" "${flags[@]}"
done
