#!/bin/bash
# packages.sh: fetches what the benchmarks compare Bastion with, Debian's
# opensnitch, into target/bench/packages, once. Runs inside the sandbox root, in
# the project's directory (in-root.sh); the root itself stays without it.
set -euo pipefail

wanted=(opensnitch opensnitch-ebpf-modules)
place=target/bench/packages

if compgen -G "$place/opensnitch_*.deb" >/dev/null; then exit 0; fi
rm -rf "$place.new"
mkdir -p "$place.new/partial"
apt-get update -q
apt-get install -q -y --no-install-recommends --download-only -o Dir::Cache::archives="$PWD/$place.new" "${wanted[@]}"
rm -rf "$place.new/partial" "$place.new/lock" "$place"
mv "$place.new" "$place"
