#!/bin/bash
# isolated.sh PROGRAM ARGS…: what cargo runs, inside the sandbox root, in place
# of a test program: the same with a network of its own, which has nothing but
# loopback. A test may set up packet filters there; the host's are out of reach.
set -euo pipefail
case $1 in
# Tests of windows wait a good deal: one more of them than there are processors.
*/windows-*) export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$(($(nproc) + 1))}" ;;
esac
# shellcheck disable=SC2016
exec unshare --net sh -c 'ip link set lo up && exec "$@"' _ "$@"
