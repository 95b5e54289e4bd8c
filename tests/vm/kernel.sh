#!/bin/bash
# kernel.sh SUITE: fetches the kernel that Debian's SUITE (bookworm, trixie) has for virtual
# machines, by apt, from the mirror this machine itself uses. Afterwards target/vm/SUITE has
# `vmlinuz`, `version`, and the modules under `root`. Does nothing when that is there already.
#   BASTION_DEBIAN_MIRROR  a Debian mirror, where the host's own apt names none
set -euo pipefail
. "$(dirname "$0")/../sandbox/lib.sh"

suite=$1
package=linux-image-cloud-amd64
directory=$PROJECT/target/vm/$suite

# fetch APT-COMMAND…: apt with this suite alone, and files of its own.
fetch() {
  local command=$1
  shift
  "$command" -q -o "Dir::Etc::SourceList=$directory/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$directory/apt/lists" -o "Dir::Cache=$directory/apt/cache" \
    -o Dir::State::status=/dev/null -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# The package itself is empty, and depends on the kernel of the day.
find_package() {
  fetch apt-cache depends --important "$package" | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }'
}

unpack() {
  local name mirror
  mirror=$(find_mirror)
  mkdir -p "$directory"/apt/{lists,cache/archives}/partial "$directory/root/usr"
  printf 'deb [arch=amd64 signed-by=%s] %s %s main\n' "$KEYRING" "$mirror" "$suite" >"$directory/apt/sources.list"
  fetch apt-get update >&2
  name=$(find_package)
  [ -n "$name" ] || die "the mirror has no $package in $suite" "Check that $mirror carries $suite."
  (cd "$directory" && fetch apt-get download "$name" >&2 && dpkg-deb -x linux-image-*.deb unpacked)
  mv "$directory"/unpacked/boot/vmlinuz-* "$directory/vmlinuz"
  # Newer packages have them where the merged /usr has them.
  mkdir -p "$directory/root/usr/lib"
  mv "$directory"/unpacked/{,usr/}lib/modules "$directory/root/usr/lib/" 2>/dev/null || true
  ln -s usr/lib "$directory/root/lib"
  rm -r "$directory"/{apt,unpacked,linux-image-*.deb}
  ls "$directory/root/usr/lib/modules" >"$directory/version"
  "$PROJECT/tests/sandbox/in-root.sh" depmod -b "/src/target/vm/$suite/root" "$(cat "$directory/version")"
}

need_root
[ "$(uname -m)" = x86_64 ] || die "this test has kernels for x86_64 alone, and this machine is $(uname -m)"
mkdir -p "$PROJECT/target/vm"
exec 9>"$directory.lock"
flock 9
want=$(sha256sum <"${BASH_SOURCE[0]}")
[ "$(cat "$directory/stamp" 2>/dev/null)" != "$want" ] || exit 0
say "fetching Debian's kernel of $suite (about 40 MB)"
rm -rf --one-file-system "$directory"
unpack
echo "$want" >"$directory/stamp"
