#!/bin/bash
# whole.sh [CARGO-ARGS…]: runs the tests of the whole system on the host, a few of their programs at
# a time: most of what they do is wait. What each prints comes in one piece, when it has ended.
#   BASTION_AT_ONCE  how many programs, 2 where it is not set; each runs as many tests at once as
#                    there are processors
set -euo pipefail
. "$(dirname "$0")/lib.sh"

cd "$PROJECT"
need_root
at_once=${BASTION_AT_ONCE:-2}
[[ $at_once =~ ^[1-9][0-9]?$ ]] || die "BASTION_AT_ONCE is “$at_once”, which is no number of programs" "Set it to 2, or leave it out."

# Alone, before all others: what emulates processors leaves none to others.
alone='vm'
# The longest first, so that none of them is left over in the end.
first='kills looks watchdog answers attribution absent stale'

say "building the tests of the whole system"
built=$(cargo test --locked -p bastion-tests --no-run "$@" 2>&1) || { printf '%s\n' "$built" >&2
  die "the tests of the whole system do not build" "The compiler's messages stand above."; }
declare -A programs
# “Executable tests/live.rs (target/host/debug/deps/live-0123456789abcdef)”; the library's and the
# programs' own tests are told in the same way.
while read -r path; do
  name=$(basename "$path")
  programs[${name%-*}]=$path
done < <(sed -n 's/^ *Executable .*(\(.*\))$/\1/p' <<<"$built")
[ ${#programs[@]} -gt 0 ] || die "cargo named no tests of the whole system" "Run: cargo test -p bastion-tests --no-run"

run_one() {
  local name=$1 path=$2 start=$SECONDS status=0 out
  out=$(mktemp "$SANDBOX_DIR/whole.XXXXXX")
  # Where cargo runs them, too.
  (cd "$PROJECT/tests" && exec "$path") </dev/null >"$out" 2>&1 || status=$?
  {
    flock 9
    printf '\n-- %s (%d s)\n' "$name" $((SECONDS - start))
    cat "$out"
  } 9>"$SANDBOX_DIR/whole.lock"
  rm -f "$out"
  if [ "$status" -ne 0 ]; then
    printf -- '-- %s FAILED (exit status %d); alone: cargo test -p bastion-tests --test %s\n' "$name" "$status" "$name"
  fi
  return "$status"
}

failed=() running=0
declare -A names
reap() {
  local pid status=0
  wait -n -p pid || status=$?
  [ "$status" -eq 0 ] || failed+=("${names[$pid]}")
  running=$((running - 1))
}
for name in $alone $first "${!programs[@]}"; do
  path=${programs[$name]:-}
  [ -n "$path" ] || continue
  unset "programs[$name]"
  [ "$running" -lt "$at_once" ] || reap
  run_one "$name" "$(realpath "$path")" &
  names[$!]=$name
  running=$((running + 1))
  if [[ " $alone " == *" $name "* ]]; then reap; fi
done
while [ "$running" -gt 0 ]; do reap; done
[ ${#failed[@]} -eq 0 ] || die "these tests of the whole system failed: ${failed[*]}" "What they print stands above."
