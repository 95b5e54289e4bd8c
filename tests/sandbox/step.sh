#!/bin/bash
# step.sh NAME REMEDY CMD…: runs a long step; says that it begins, how long it
# took, and if it fails, what failed and what to do. No step takes an hour; one
# that hangs fails.
set -uo pipefail
name=$1 remedy=$2
shift 2
printf '\n== %s\n' "$name"
start=$SECONDS
timeout --foreground 60m "$@"
status=$?
if [ "$status" -ne 0 ]; then
  printf '\nFAILED: %s (exit status %d, after %d s)\n        %s\n' "$name" "$status" $((SECONDS - start)) "$remedy" >&2
  exit "$status"
fi
printf '== %s: passed (%d s)\n' "$name" $((SECONDS - start))
