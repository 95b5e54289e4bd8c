#!/bin/bash
# isolated.sh PROGRAM ARGS…: what cargo runs, inside the sandbox root, in place
# of a test program: the same with a network of its own, which has nothing but
# loopback. A test may set up packet filters there; the host's are out of reach.
set -euo pipefail
# shellcheck disable=SC2016
exec unshare --net sh -c 'ip link set lo up && exec "$@"' _ "$@"
