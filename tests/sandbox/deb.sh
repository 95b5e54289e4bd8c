#!/bin/bash
# deb.sh [--profile P]: builds the programs in the sandbox root and packs them;
# the package lies at target/deb/*.deb.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

profile=release
while [ $# -gt 0 ]; do
  case $1 in
    --profile) profile=${2:?a profile name}; shift 2 ;;
    *) die "unknown argument: $1" "Usage: deb.sh [--profile P]" ;;
  esac
done

need_root
directory=$profile
if [ "$profile" = dev ]; then directory=debug; fi # cargo's one exception
here=$PROJECT/tests/sandbox
"$here/tools.sh"
say "building the programs (profile $profile)"
"$here/build.sh" build --profile "$profile" -p bastion-helper -p bastionctl -p bastion ||
  die "the programs do not build" "The compiler's messages stand above."
# The package's files, as `make install` would place them: cargo-deb packs
# target/stage.
say "packing"
rm -rf "$PROJECT/target/deb.new" "$PROJECT/target/stage"
mkdir -p "$PROJECT/target/deb.new"
"$here/in-root.sh" data/install.sh "/build/$directory" /src/target/stage /usr ||
  die "the package's files could not be put together" "The message of data/install.sh stands above."
# Debian's packages have no symbols in them; cargo-deb strips only what it has built itself.
"$here/in-root.sh" strip --strip-unneeded /src/target/stage/usr/bin/bastion /src/target/stage/usr/bin/bastionctl \
  /src/target/stage/usr/libexec/bastion-helper ||
  die "the programs could not be stripped" "The message stands above."
"$here/build.sh" deb -p bastion-helper --no-build --no-strip --profile "$profile" --output /src/target/deb.new/ ||
  die "the package could not be made" "cargo-deb's message stands above; its metadata is in helper/Cargo.toml."
# In one step, so that nobody installs half a package.
rm -rf "$PROJECT/target/deb.old"
if [ -d "$PROJECT/target/deb" ]; then mv "$PROJECT/target/deb" "$PROJECT/target/deb.old"; fi
mv "$PROJECT/target/deb.new" "$PROJECT/target/deb"
rm -rf "$PROJECT/target/deb.old"
ls -l "$PROJECT"/target/deb/*.deb
