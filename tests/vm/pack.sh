#!/bin/bash
# pack.sh DIRECTORY PROGRAM…: makes DIRECTORY/initrd, all that a machine has which boots with
# DIRECTORY/vmlinuz: files of this root by contents.txt, the kernel's modules, init, and in /tests
# the programs, with what is in DIRECTORY/tests. Runs inside the sandbox root (in-root.sh).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
directory=$(realpath "$1")
shift
room=$(mktemp -d)

# append: adds the files named on the input, below the current directory. Kernels unpack archives
# that follow one another.
append() { cpio --quiet -o -H newc >>"$directory/initrd.new"; }

# All files that contents.txt asks for.
contents() {
  local entry
  grep -vE '^ *(#|$)' "$here/contents.txt" | while read -r entry; do
    case $entry in
      /*) find "$entry" ;;
      *) dpkg -L "$entry" ;;
    esac
  done | grep -vE '^/\.$|^/usr/share/(doc|man|locale|bash-completion|lintian|bug)(/|$)'
}

# The libraries that the programs and libraries named on the input need, and links to them.
libraries() {
  { xargs -r ldd 2>/dev/null || true; } | grep -oE '/[^ ):]+\.so[^ ):]*' | sort -u | while read -r library; do
    realpath "$library"
    # The merged /usr: the same by its true name, whether or not it is a link.
    echo "$(realpath "$(dirname "$library")")/$(basename "$library")"
  done
}

stage() {
  local program
  cp -a "$directory/tests" "$room/tests"
  for program; do
    # cargo puts a hash behind the name.
    strip -o "$room/tests/$(basename "$program" | sed -E 's/-[0-9a-f]{16}$//')" "$program"
  done
  install -m 755 "$here/init" "$room/init"
}

rm -f "$directory/initrd.new"
stage "$@"
contents >"$room/list"
{
  while IFS= read -r file; do
    if [ -f "$file" ] && [ ! -L "$file" ] && { [ -x "$file" ] || [[ $file == *.so* ]]; }; then echo "$file"; fi
  done <"$room/list"
  find "$room/tests" -type f -perm -1
} | libraries >"$room/libraries"
cat "$room/libraries" >>"$room/list"
# Parents, sorted before what is in them.
sed -E ':a; p; s|/[^/]+$||; /./ba; d' "$room/list" | sort -u | sed -n 's|^/||p' >"$room/sorted"
(cd / && append <"$room/sorted")
(cd "$directory/root" && find usr | sort | append)
(cd "$room" && find init tests | sort | append)
rm -r "$room"
mv "$directory/initrd.new" "$directory/initrd"
