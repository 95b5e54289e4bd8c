#!/bin/bash
# run.sh SUITE TEST…: runs tests of the helper in a virtual machine with the kernel of Debian's
# SUITE; prints the machine's console. Each TEST is the name of a test program of the helper's,
# with its arguments: run.sh trixie 'kernel --nocapture' queue
#   BASTION_VM_SECONDS  how long the machine may run (default 240)
#   BASTION_VM_ACCELERATION  QEMU's accelerator (default tcg, which works everywhere; kvm)
#   BASTION_PROFILE     cargo's profile of the tests (default release; unoptimised tests take far longer)
set -euo pipefail
. "$(dirname "$0")/../sandbox/lib.sh"

need_root
suite=$1
shift
directory=$PROJECT/target/vm/$suite

# build NAME…: builds these tests as `make test` does, so that what it built serves; prints each
# one's name and its path inside the root.
build() {
  "$PROJECT/tests/sandbox/build.sh" test --no-run --quiet --locked --profile "${BASTION_PROFILE:-release}" \
    --workspace --exclude bastion-tests "${@/#/--test=}" --message-format=json |
    python3 -c '
import json, sys
for line in sys.stdin:
    it = json.loads(line)
    if it.get("executable") and it["target"]["kind"] == ["test"] and "/helper#" in it["package_id"]:
        print(it["target"]["name"], it["executable"])'
}

host_packages qemu-system-x86_64:qemu-system-x86
"$PROJECT/tests/sandbox/prepare.sh"
"$PROJECT/tests/vm/kernel.sh" "$suite"
exec 9>"$directory.lock"
flock 9
rm -rf "$directory/tests"
mkdir "$directory/tests"
printf '%s\n' "$@" >"$directory/tests/list"
"$PROJECT/tests/sandbox/senders.sh"
cp "$SANDBOX_SHARE/senders/sender" "$directory/tests/sender"
echo 'export BASTION_REQUIRE_REAL=1 BASTION_REQUIRE_TRACING=1 BASTION_SENDER=/tests/sender' >"$directory/tests/environment"
names=("${@%% *}")
built=$(build "${names[@]}")
mapfile -t programs < <(cut -d' ' -f2 <<<"$built")
[ "${#programs[@]}" = "$#" ] || die "these tests of the helper's are not there: ${names[*]}" "There are: $built"
"$PROJECT/tests/sandbox/in-root.sh" tests/vm/pack.sh "target/vm/$suite" "${programs[@]}"

# By translation unless told otherwise: whether KVM works shows only when it does not. Two
# processors: what races shall race. Mitigations cost time, and nobody is to be kept out here.
exec timeout --kill-after=5 "${BASTION_VM_SECONDS:-240}" \
  qemu-system-x86_64 -accel "${BASTION_VM_ACCELERATION:-tcg}" -cpu max -smp 2 -m 1536 -nodefaults -nographic -no-reboot -serial stdio \
  -kernel "$directory/vmlinuz" -initrd "$directory/initrd" \
  -append 'console=ttyS0 quiet panic=-1 mitigations=off' </dev/null
