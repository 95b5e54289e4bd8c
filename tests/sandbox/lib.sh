# shellcheck shell=bash disable=SC2034
# Shared by the sandbox scripts: where things lie, how to say what goes on, and
# how to run a command inside the Debian root without changing it or the host.

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SANDBOX_DIR=${BASTION_SANDBOX_DIR:-$PROJECT/target/sandbox}
SANDBOX_ROOT=$SANDBOX_DIR/root
SANDBOX_STATE=$SANDBOX_DIR/state
SANDBOX_SHARE=$SANDBOX_DIR/share
SANDBOX_BUILD=$SANDBOX_DIR/build
TOOLS_DIR=$PROJECT/target/tools

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
ROOT_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

say() { printf '== %s\n' "$*" >&2; }

# die WHAT-FAILED [WHAT-TO-DO]
die() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '       %s\n' "$2" >&2
  exit 1
}

need_root() {
  [ "$(id -u)" = 0 ] || die "the sandbox needs root: it makes namespaces and mounts" \
    "Run the same command as root, for example with sudo."
}

# The mount part of `in_namespace`, run inside fresh mount and PID namespaces
# as `bash -c "$ENTER" _ ROOT MODE SCRATCH BIND… -- CMD…`.
# MODE `keep` writes through to the root (used by prepare.sh alone), `discard`
# puts a memory-backed overlay on top, so that nothing a test does stays.
# Device nodes are made anew: the host's own are never in reach.
# BIND is FROM:TO or FROM:TO:ro, TO as seen inside.
# shellcheck disable=SC2016
ENTER='
set -euo pipefail
root=$1 mode=$2 scratch=$3; shift 3
mount --make-rprivate /
if [ "$mode" = discard ]; then
  mount -t tmpfs -o size=50% tmpfs "$scratch"
  mkdir "$scratch"/up "$scratch"/work "$scratch"/root
  mount -t overlay overlay -o "lowerdir=$root,upperdir=$scratch/up,workdir=$scratch/work" "$scratch/root"
  root=$scratch/root
else
  mount --bind "$root" "$root"
fi
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
node() { mknod -m "$4" "$root/dev/$1" c "$2" "$3"; }
node null 1 3 666; node zero 1 5 666; node full 1 7 666
node random 1 8 666; node urandom 1 9 666; node tty 5 0 666
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"; ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
while [ "$1" != -- ]; do
  IFS=: read -r from to how <<<"$1"; shift
  if [ -d "$from" ]; then mkdir -p "$root$to"; else mkdir -p "$(dirname "$root$to")"; touch "$root$to"; fi
  mount --bind "$from" "$root$to"
  if [ "${how:-}" = ro ]; then mount -o remount,bind,ro "$root$to"; fi
done
shift
# Not chroot: there, programs may not make user namespaces, and process 1 would see other files
# than they do. From here on everything comes from the new root.
cd "$root"
pivot_root . .
umount -l .
hash -r
# Not exec: PID 1 ignores the signals it has no handler for, so let that be bash.
status=0; "$@" || status=$?
exit "$status"
'

# in_namespace MODE BIND… -- CMD…: run CMD as root inside the root with nothing
# of the environment but what CMD sets itself (use `env -i VAR=… cmd`). Its
# whole process tree ends with it.
in_namespace() {
  local mode=$1
  shift
  # One place serves any number at once: each mounts on it in its own namespace.
  mkdir -p "$SANDBOX_DIR/scratch"
  unshare --mount --pid --fork --kill-child \
    bash -c "$ENTER" _ "$SANDBOX_ROOT" "$mode" "$SANDBOX_DIR/scratch" "$@"
}

# host_packages COMMAND:PACKAGE…: installs on the host what is missing. Tests that run side by side
# may want the same; apt lets in one at a time and turns the others away.
host_packages() {
  mkdir -p "$SANDBOX_DIR"
  (flock 9 && install_missing "$@") 9>"$SANDBOX_DIR/packages.lock"
}

install_missing() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "these host packages are missing: ${missing[*]}" \
    "Install them with your system's package manager and run again."
  say "installing on this machine: ${missing[*]} (about 20 s)"
  apt-get update -q >&2 || die "apt-get update failed" "Check the network and /etc/apt, then run again."
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >&2 ||
    die "apt-get could not install ${missing[*]}" "Install them by hand, then run again."
}

# The mirror the host itself installs from; its main archive carries Debian's other suites too.
find_mirror() {
  if [ -n "${BASTION_DEBIAN_MIRROR:-}" ]; then echo "$BASTION_DEBIAN_MIRROR"; return; fi
  local codename found
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016
  found=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(IDENTIFIER)' |
    awk -v c="$codename" '$2 == c && $3 == "main" && $4 == "Packages" { print $1; exit }')
  [ -n "$found" ] || die "no Debian mirror found in this machine's apt configuration" \
    "Run 'apt-get update', or name a mirror in BASTION_DEBIAN_MIRROR, and run again."
  echo "$found"
}
