#!/bin/bash
# senders.sh: builds the programs of tests/net/senders in the sandbox root, for
# the machines of the tests: they lie in target/sandbox/share/senders, which is
# /mnt/share/senders inside. Does nothing when they are newer than their sources.
set -euo pipefail

cd "$(dirname "$0")/../.."
sources=tests/net/senders
flags=(-std=gnu11 -O1 -Wall -Wextra -Werror -pthread)

# compile DIRECTORY: `sender` of the files that share common.h, and one program of each other file.
compile() {
  local file alone=() shared=()
  for file in "$sources"/*.c; do
    if grep -q '^#include "common.h"' "$file"; then shared+=("$file"); else alone+=("$file"); fi
  done
  gcc "${flags[@]}" -o "$1/sender" "${shared[@]}"
  for file in "${alone[@]}"; do
    gcc "${flags[@]}" -s -o "$1/$(basename "$file" .c)" "$file"
  done
}

case ${1:-} in
  --into) compile "$2"; exit ;; # this very script, inside the root
  '') ;;
  *) echo "error: unknown argument: $1" >&2; exit 2 ;;
esac

. tests/sandbox/lib.sh
need_root
install -d -m 1777 "$SANDBOX_SHARE"
exec 9>"$SANDBOX_SHARE/senders.lock"
flock 9
if [ -z "$(find "$sources" tests/sandbox/senders.sh -newer "$SANDBOX_SHARE/senders" 2>/dev/null || echo missing)" ]; then
  exit
fi
rm -rf "$SANDBOX_SHARE/senders" "$SANDBOX_SHARE/senders.new"
mkdir -m 755 "$SANDBOX_SHARE/senders.new"
tests/sandbox/in-root.sh tests/sandbox/senders.sh --into /mnt/share/senders.new >&2 ||
  die "the senders do not build" "The compiler's messages stand above."
mv "$SANDBOX_SHARE/senders.new" "$SANDBOX_SHARE/senders"
