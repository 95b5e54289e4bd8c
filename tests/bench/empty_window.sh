#!/bin/bash
# empty_window.sh: compiles the window that the app is measured beside, to
# target/bench. Runs inside the sandbox root, in the project's directory (in-root.sh).
set -euo pipefail

mkdir -p target/bench
read -ra flags <<<"$(pkg-config --cflags --libs libadwaita-1)"
cc -O2 -Wall -Wextra -o target/bench/empty_window tests/bench/empty_window.c "${flags[@]}"
