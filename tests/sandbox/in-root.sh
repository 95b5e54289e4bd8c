#!/bin/bash
# in-root.sh CMD…: runs CMD as root inside the sandbox root, in the project's
# directory (/src), with the Rust toolchain of this machine. What it writes
# outside /src and the build directory is forgotten when it ends. Any number may
# run at once. Tests that cargo runs have no network but their own.
#   BASTION_PASS   names of environment variables to hand on, separated by spaces
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_root
[ $# -gt 0 ] || die "no command was given" "Usage: in-root.sh CMD…"
[ -e "$SANDBOX_DIR/root.stamp" ] || die "the sandbox root is not there yet" "Run tests/sandbox/prepare.sh first."
command -v rustc >/dev/null || die "no Rust toolchain was found on this machine" "Install Rust (rustc and cargo), then run again."

toolchain=$(cd "$PROJECT" && rustc --print sysroot)
cargo_home=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$cargo_home" "$SANDBOX_BUILD" "$TOOLS_DIR" "$PROJECT/target"

# CARGO_HOME is the host's, for its registry cache and configuration; the
# toolchain's own binaries come first, because rustup's would look elsewhere.
environment=(PATH="/opt/rust/bin:/opt/tools/bin:$ROOT_PATH" HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}"
  CARGO_HOME=/opt/cargo CARGO_TARGET_DIR=/build RUST_BACKTRACE="${RUST_BACKTRACE:-1}"
  "CARGO_TARGET_$(uname -m | tr "[:lower:]" "[:upper:]")_UNKNOWN_LINUX_GNU_RUNNER=/src/tests/sandbox/isolated.sh")
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY CARGO_NET_OFFLINE CARGO_TERM_COLOR \
  CARGO_TERM_QUIET CARGO_TERM_PROGRESS_WHEN CARGO_BUILD_JOBS BASTION_REQUIRE_REAL RUST_TEST_THREADS PROPTEST_CASES \
  SOURCE_DATE_EPOCH ${BASTION_PASS:-}; do
  # Set-but-empty is not the same as unset for GTK; hand on only what says something.
  if [ -n "${!name:-}" ]; then environment+=("$name=${!name}"); fi
done

# The host's own certificate authorities: where it reaches the network through
# something that signs for itself, so do builds.
trust=/etc/ssl/certs/ca-certificates.crt
binds=("/etc/resolv.conf:/etc/resolv.conf:ro")
if [ -s "$trust" ]; then binds+=("$trust:$trust:ro"); fi

in_namespace discard "$PROJECT:/src" "$SANDBOX_BUILD:/build" "$TOOLS_DIR:/opt/tools" "$SANDBOX_SHARE:/mnt/share" \
  "$cargo_home:/opt/cargo" "$toolchain:/opt/rust:ro" "${binds[@]}" \
  -- /usr/bin/env -i -C /src "${environment[@]}" "$@"
