#!/bin/bash
# build.sh CARGO-ARGS…: runs cargo inside the sandbox root, where GTK and
# libadwaita are; the results lie in target/sandbox/build.
#   build.sh clippy -p bastion -- -D warnings
#   build.sh -- CMD…      runs any command instead (the same as in-root.sh)
#   build.sh --gui ARGS…  the same with a display, a session bus and the
#                         accessibility bus, for tests that open windows
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

gui=()
if [ "${1:-}" = --gui ]; then gui=(/src/tests/sandbox/with-display.sh); shift; fi
case ${1:-} in
  --) shift ;;
  # cargo would look for these in CARGO_HOME first, and find rustup's, which look elsewhere for
  # the toolchain.
  fmt | clippy) set -- "cargo-$1" "$@" ;;
  *) set -- cargo "$@" ;;
esac
exec "$here/in-root.sh" ${gui[@]+"${gui[@]}"} "$@"
