#!/bin/bash
# sandbox.sh: boots the Debian root as a machine of its own, with real systemd,
# D-Bus, polkit and logind, on a host that need not run systemd itself. Each
# machine has its own network, process, mount and cgroup trees; what it writes
# lives in memory and is gone when it goes down.
#
#   sandbox.sh up NAME [--owner PID]          boot, wait until it runs, and print the
#                                             number of its process 1; with an owner,
#                                             it goes down when that process ends
#   sandbox.sh disown NAME                    it stays up after its owner
#   sandbox.sh exec NAME CMD…                 CMD as root, from outside any service
#   sandbox.sh run NAME [SYSTEMD-RUN-ARG]… CMD…
#                                             CMD as root in a service of its own
#   sandbox.sh user NAME USER [--session active|background] [--unit UNIT] [--pty] [-E VAR=V]… CMD…
#                                             CMD in a logind session of USER
#   sandbox.sh link A ADDR[,ADDR…] B ADDR[,ADDR…] [DEV]
#                                             a cable between two machines
#   sandbox.sh enter NAME                     a root shell inside
#   sandbox.sh list                           the machines that are up
#   sandbox.sh down NAME…|--all               stop; leaves nothing behind
#
# In every machine /mnt/share is target/sandbox/share (writable, shared with
# the host) and /opt/bastion-tests is tests/ (read-only).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# What nspawn does not give by itself and the helper's unit may ask for.
CAPABILITIES=CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON,CAP_SYSLOG,CAP_SYS_PTRACE,CAP_DAC_READ_SEARCH,CAP_IPC_LOCK
BOOT_TIMEOUT=60

state_of() { echo "$SANDBOX_STATE/machine.$1"; }

alive() { [ -n "${1:-}" ] && [ -d "/proc/$1" ]; }

leader_of() {
  local leader
  leader=$(cat "$(state_of "$1")/leader" 2>/dev/null) || true
  alive "$leader" || die "the sandbox $1 is not up" "Boot it with: tests/sandbox/sandbox.sh up $1"
  echo "$leader"
}

inside() {
  local leader
  leader=$(leader_of "$1")
  shift
  nsenter --target "$leader" --all env -i PATH="$ROOT_PATH" HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 "$@"
}

# Run as `bash -c "$BOOT" _ NAME ROOT STATE NSPAWN-ARGS…` in a private mount
# namespace: there cgroup2 is mounted alone, so that nspawn and the guest see a
# unified hierarchy even where the host still has the old one as well.
# shellcheck disable=SC2016
BOOT='
set -euo pipefail
name=$1 root=$2 state=$3; shift 3
mount --make-rprivate /
umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/bastion.$name"
mount -t tmpfs -o mode=755 tmpfs /run # nspawn leaves files there
echo $$ >"/sys/fs/cgroup/bastion.$name/cgroup.procs"
# /proc/sys/net is writable inside (it is the guest network`s own), the rest is not.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network SYSTEMD_LOG_LEVEL=warning
exec systemd-nspawn --quiet --boot --register=no --keep-unit --directory="$root" --machine="$name" \
  --volatile=overlay --private-network --link-journal=no --console=pipe --settings=no --suppress-sync=yes "$@" \
  systemd.show_status=0
'

# The guest`s PID 1: the one process under nspawn that is number 1 in its namespace.
find_leader() {
  local child
  for child in $(tr ' ' '\n' <"/proc/$1/task/$1/children" 2>/dev/null); do
    if [ "$(awk '/^NSpid/ { print $NF }' "/proc/$child/status" 2>/dev/null)" = 1 ] &&
      [ "$(cat "/proc/$child/comm" 2>/dev/null)" = systemd ]; then
      echo "$child"
      return
    fi
  done
  return 1
}

wait_for_boot() {
  local state=$1 name=$2 nspawn=$3 leader="" status=""
  local deadline=$((SECONDS + BOOT_TIMEOUT))
  while [ "$SECONDS" -lt "$deadline" ]; do
    alive "$nspawn" || return 1
    if [ -z "$leader" ]; then
      leader=$(find_leader "$nspawn") || { sleep 0.05; continue; }
      echo "$leader" >"$state/leader"
    fi
    status=$(inside "$name" systemctl is-system-running 2>/dev/null) || true
    case $status in
      running) return 0 ;;
      degraded)
        echo "these units failed in it:" >&2
        inside "$name" systemctl --failed --no-legend >&2 || true
        return 1 ;;
    esac
    sleep 0.1
  done
  return 1
}

# Ends the machine after its owner, however that ended. Closes what it has
# inherited, so that nobody waits for it.
watch_owner() {
  # shellcheck disable=SC2016
  setsid bash -c 'tail --pid="$1" -f /dev/null; exec "$2" down "$3"' _ "$2" "$(realpath "$0")" "$1" \
    </dev/null >/dev/null 2>&1 9>&- &
  echo $! >"$(state_of "$1")/watch"
}

disown_machine() {
  local watch
  watch=$(state_of "$1")/watch
  [ -e "$watch" ] || return 0
  # A group of its own, thanks to setsid: the waiting tail goes with it.
  kill -- "-$(cat "$watch")" 2>/dev/null || true
  rm -f "$watch"
}

up() {
  local name=$1 owner="" state nspawn
  if [ "${2:-}" = --owner ]; then owner=${3:?a process number}; fi
  [[ $name =~ ^[a-z][a-z0-9-]{0,40}$ ]] || die "a sandbox cannot be called '$name'" "Use small letters, digits and '-'."
  state=$(state_of "$name")
  [ -e "$SANDBOX_DIR/root.stamp" ] || die "the sandbox root is not there yet" "Run tests/sandbox/prepare.sh first."
  # What a crash of the host left under this name.
  if [ -d "$state" ] && [ "$(cat "/proc/$(cat "$state/nspawn" 2>/dev/null)/comm" 2>/dev/null)" != systemd-nspawn ]; then
    [ -z "$(find "$state" -maxdepth 0 -mmin +2)" ] || down_one "$name"
  fi
  mkdir "$state" 2>/dev/null || die "the sandbox $name is up already" "Stop it with: tests/sandbox/sandbox.sh down $name"
  trap 'down_one "$name"' EXIT
  trap 'exit 130' INT TERM HUP
  install -d -m 1777 "$SANDBOX_SHARE"
  setsid unshare --mount bash -c "$BOOT" _ "$name" "$SANDBOX_ROOT" "$state" \
    --capability="$CAPABILITIES" --system-call-filter=bpf --system-call-filter=perf_event_open \
    --bind="$SANDBOX_SHARE:/mnt/share" --bind-ro="$PROJECT/tests:/opt/bastion-tests" \
    </dev/null >"$state/console.log" 2>&1 9>&- &
  nspawn=$!
  echo "$nspawn" >"$state/nspawn"
  if ! wait_for_boot "$state" "$name" "$nspawn"; then
    tail -n 20 "$state/console.log" >&2
    die "the sandbox $name did not boot" "Its console stands above. Namespaces, cgroup2 and root rights are needed."
  fi
  # bpffs for pinned programs; the guest's own loopback.
  inside "$name" sh -euc '
    mount -o remount,rw /sys
    mkdir -p /sys/fs/bpf
    mountpoint -q /sys/fs/bpf || mount -t bpf -o mode=700 bpf /sys/fs/bpf
    ip link set lo up' || die "the sandbox $name booted but bpffs could not be mounted in it" \
    "The kernel must offer BPF to this machine's root."
  if [ -n "$owner" ]; then watch_owner "$name" "$owner"; fi
  trap - EXIT INT TERM HUP
  cat "$state/leader"
}

user() {
  local name=$1 account=$2 kind=active pass=(--pipe) extra=()
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --session) kind=$2; shift 2 ;;
      --unit) extra+=("--unit=$2"); shift 2 ;;
      --pty) pass=(--pty); shift ;;
      -E) extra+=(-E "$2"); shift 2 ;;
      *) break ;;
    esac
  done
  # What a display manager would set, so that logind sees somebody at the machine.
  case $kind in
    active) extra+=(-E XDG_SEAT=seat0 -E XDG_SESSION_TYPE=x11 -E XDG_SESSION_CLASS=user) ;;
    background) extra+=(-E XDG_SESSION_CLASS=background) ;;
    *) die "unknown kind of session: $kind" "Use --session active or --session background." ;;
  esac
  inside "$name" systemd-run --quiet "${pass[@]}" --wait --collect --service-type=exec --expand-environment=no --uid="$account" \
    -p PAMName=login -p WorkingDirectory="~" -p KillMode=control-group "${extra[@]}" -- "$@"
}

link() {
  local a=$1 addresses_a=$2 b=$3 addresses_b=$4 dev=${5:-eth0} leader_a leader_b
  leader_a=$(leader_of "$a")
  leader_b=$(leader_of "$b")
  nsenter --target "$leader_a" --net ip link add "$dev" type veth peer name "$dev" netns "$leader_b"
  # Both ends up before either has an address: IPv6 does nothing on an end
  # without carrier, and learns of the carrier with up to a second's delay.
  inside "$a" ip link set "$dev" up
  inside "$b" ip link set "$dev" up
  configure_link "$a" "$dev" "$addresses_a"
  configure_link "$b" "$dev" "$addresses_b"
}

# No duplicate address detection: there is nobody to collide with, and without
# it IPv6 works at once.
configure_link() {
  local addresses
  IFS=, read -ra addresses <<<"$3"
  # shellcheck disable=SC2016
  inside "$1" sh -euc '
    dev=$1; shift
    echo 0 >"/proc/sys/net/ipv6/conf/$dev/accept_dad"
    for i in $(seq 40); do [ "$(cat "/sys/class/net/$dev/operstate")" = up ] && break || sleep 0.05; done
    for address; do ip addr add "$address" dev "$dev"; done' _ "$2" "${addresses[@]}"
}

# Every process of the machine sits in its cgroup or its PID namespace, whatever
# became of its parents; killing the cgroup ends them all, and with the last
# one go the namespaces, the cables and the mounts. Nothing is shut down in
# order, because nothing of the machine outlives it: a test of shutting down
# runs `systemctl poweroff` inside first.
down_one() {
  local state
  state=$(state_of "$1")
  [ -d "$state" ] || return 0
  # The watch itself runs this when the owner is gone.
  if [ "$(cat "$state/watch" 2>/dev/null)" != $$ ]; then disown_machine "$1"; fi
  unshare --mount bash -c "$SWEEP" _ "$1" || say "the cgroup of $1 could not be removed"
  rm -rf "$state"
}

# shellcheck disable=SC2016
SWEEP='
set -euo pipefail
mount --make-rprivate /
umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
group=/sys/fs/cgroup/bastion.$1
[ -d "$group" ] || exit 0
echo 1 >"$group/cgroup.kill"
for ((i = 0; i < 100; i++)); do
  find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && exit 0
  sleep 0.05
done
exit 1
'

list() {
  local state name
  for state in "$SANDBOX_STATE"/machine.*; do
    [ -d "$state" ] || continue
    name=${state##*/machine.}
    if alive "$(cat "$state/leader" 2>/dev/null)"; then echo "$name"; else echo "$name (dead)"; fi
  done
}

down() {
  local name names=("$@")
  if [ "${1:-}" = --all ]; then mapfile -t names < <(list | sed 's/ .*//'); fi
  for name in ${names[@]+"${names[@]}"}; do down_one "$name"; done
}

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

[ $# -ge 1 ] || usage
need_root
mkdir -p "$SANDBOX_STATE"
command=$1
shift
case $command in
  list) list ;;
  down) [ $# -ge 1 ] || usage; down "$@" ;;
  up) [ $# -eq 1 ] || [ $# -eq 3 ] || usage; up "$@" ;;
  disown) [ $# -eq 1 ] || usage; disown_machine "$1" ;;
  enter) [ $# -eq 1 ] || usage; inside "$1" bash -l ;;
  exec) [ $# -ge 2 ] || usage; inside "$@" ;;
  run)
    [ $# -ge 2 ] || usage
    name=$1; shift
    inside "$name" systemd-run --quiet --pipe --wait --collect --service-type=exec --expand-environment=no "$@" ;;
  user) [ $# -ge 3 ] || usage; user "$@" ;;
  link) [ $# -ge 4 ] || usage; link "$@" ;;
  *) usage ;;
esac
