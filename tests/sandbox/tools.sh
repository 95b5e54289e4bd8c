#!/bin/bash
# tools.sh: installs cargo-deb, once, into target/tools. Built with little
# optimisation: it runs for seconds, and this way it builds in less than one.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

CARGO_DEB=3.8.0

stamp=$TOOLS_DIR/cargo-deb.stamp
mkdir -p "$TOOLS_DIR"
exec 9>"$TOOLS_DIR/lock"
flock 9
if [ "$(cat "$stamp" 2>/dev/null)" != "$CARGO_DEB" ]; then
  say "installing cargo-deb $CARGO_DEB into target/tools (once, about 30 s)"
  rm -f "$stamp"
  "$PROJECT/tests/sandbox/in-root.sh" env CARGO_TARGET_DIR=/opt/tools/build CARGO_PROFILE_DEV_DEBUG=0 \
    cargo install --quiet --locked --debug --root /opt/tools --version "$CARGO_DEB" cargo-deb ||
    die "cargo-deb could not be installed" "Check that cargo reaches its registry, then run again."
  rm -rf "$TOOLS_DIR/build"
  echo "$CARGO_DEB" >"$stamp"
fi
