#!/bin/bash
# prepare.sh: makes the Debian root that everything is built and tested in.
# Idempotent: does nothing when the root already matches packages.txt and this
# script, adds what is missing when only those changed.
#   BASTION_DEBIAN_MIRROR  a Debian mirror, where the host's own apt names none
set -euo pipefail
. "$(dirname "$0")/lib.sh"

SUITE=trixie

# What the host says about fetching (proxies, validity), without its hooks and
# without extra indexes.
write_apt_configuration() {
  local mirror=$1
  printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$mirror" "$SUITE" >"$SANDBOX_ROOT/etc/apt/sources.list"
  apt-config dump --no-empty --format '%F "%v";%n' |
    grep -E '^Acquire::' | grep -vE '^Acquire::(IndexTargets|GzipIndexes)' \
    >"$SANDBOX_ROOT/etc/apt/apt.conf.d/00host" || true
  echo 'Acquire::Languages "none";' >>"$SANDBOX_ROOT/etc/apt/apt.conf.d/00host"
  echo force-unsafe-io >"$SANDBOX_ROOT/etc/dpkg/dpkg.cfg.d/sandbox"
  # Man pages of packages other than ours are dead weight here.
  printf 'path-exclude=/usr/share/%s\n' 'man/*' 'locale/*/LC_MESSAGES/*.mo' 'help/*' 'gtk-doc/*' \
    >>"$SANDBOX_ROOT/etc/dpkg/dpkg.cfg.d/sandbox"
  printf 'path-include=/usr/share/%s\n' 'man/*/bastion*' 'locale/*/LC_MESSAGES/bastion.mo' \
    >>"$SANDBOX_ROOT/etc/dpkg/dpkg.cfg.d/sandbox"
  name_servers
}

# The host's own name servers, in a file: systemd-resolved's package puts a link to its own there,
# which leads nowhere without it.
name_servers() {
  rm -f "$SANDBOX_ROOT/etc/resolv.conf" "$SANDBOX_ROOT/etc/.resolv.conf.systemd-resolved.bak"
  cat /etc/resolv.conf >"$SANDBOX_ROOT/etc/resolv.conf"
}

make_base() {
  local mirror=$1 log=$SANDBOX_DIR/debootstrap.log
  say "1/3 the base system from $mirror (about 15 s)"
  rm -rf --one-file-system "$SANDBOX_ROOT" "$SANDBOX_ROOT.new"
  debootstrap --variant=minbase --keyring="$KEYRING" "$SUITE" "$SANDBOX_ROOT.new" "$mirror" >"$log" 2>&1 ||
    { tail -n 15 "$log" >&2; die "debootstrap failed; its log is $log" "Check that $mirror is reachable and carries $SUITE."; }
  mv "$SANDBOX_ROOT.new" "$SANDBOX_ROOT"
}

install_packages() {
  local packages log=$SANDBOX_DIR/packages.log
  mapfile -t packages < <(grep -vE '^ *(#|$)' "$HERE/packages.txt")
  say "2/3 ${#packages[@]} packages and what they need (about 40 s, some 1900 steps)"
  : >"$log"
  # Nothing may start a service in a chroot.
  printf '#!/bin/sh\nexit 101\n' >"$SANDBOX_ROOT/usr/sbin/policy-rc.d"
  chmod 755 "$SANDBOX_ROOT/usr/sbin/policy-rc.d"
  # shellcheck disable=SC2016
  in_namespace keep -- /usr/bin/env -i PATH="$ROOT_PATH" HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    sh -euc 'apt-get update -q; apt-get install -q -y --no-install-recommends "$@"; apt-get clean' _ "${packages[@]}" \
    2>&1 | tee -a "$log" | awk '/^(Get|Unpacking|Setting up)/ { if (++n % 100 == 0) { print "   … " n " steps"; fflush() } }' >&2 ||
    { grep -E '^(E:|dpkg: error)' "$log" >&2 || tail -n 15 "$log" >&2
      die "installing packages into the root failed; the log is $log" "Check the network, then run again."; }
  rm -f "$SANDBOX_ROOT/usr/sbin/policy-rc.d"
}

# alice administers (group sudo, which polkit's Debian rules trust), bob and
# carol do not. Passwords are the names, for the authentication dialogs.
configure_system() {
  say "3/3 users and settings"
  # shellcheck disable=SC2016
  in_namespace keep -- /usr/bin/env -i PATH="$ROOT_PATH" sh -euc '
    user() {
      id "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --uid "$2" "$1"
      echo "$1:$1" | chpasswd
    }
    user alice 1000; user bob 1001; user carol 1002
    usermod -aG sudo alice
    systemctl -q disable e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
      man-db.timer fstrim.timer >/dev/null 2>&1 || true
    systemctl -q mask console-getty.service getty@.service systemd-resolved.service systemd-networkd.service \
      systemd-networkd-wait-online.service systemd-firstboot.service >/dev/null 2>&1
    # One notification daemon, started by the test where it wants one.
    systemctl -q --global mask dunst.service >/dev/null 2>&1 || true
    mkdir -p /opt/bastion-tests /mnt/share
  '
  name_servers
  echo sandbox >"$SANDBOX_ROOT/etc/hostname"
  # GNOME's own font is a variant of Inter.
  cat >"$SANDBOX_ROOT/etc/fonts/local.conf" <<'FONTS'
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <alias binding="same"><family>Adwaita Sans</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>Adwaita Mono</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
FONTS
  # Without a settings daemon the toolkit would take its own defaults.
  mkdir -p "$SANDBOX_ROOT/etc/gtk-4.0"
  printf '[Settings]\ngtk-font-name=Adwaita Sans 11\ngtk-icon-theme-name=Adwaita\ngtk-xft-antialias=1\ngtk-xft-hinting=0\n' \
    >"$SANDBOX_ROOT/etc/gtk-4.0/settings.ini"
  printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 sandbox\n' >"$SANDBOX_ROOT/etc/hosts"
}

main() {
  need_root
  HERE=$(cd "$(dirname "$0")" && pwd)
  mkdir -p "$SANDBOX_DIR" "$SANDBOX_STATE" "$SANDBOX_SHARE" "$SANDBOX_BUILD"
  exec 9>"$SANDBOX_DIR/prepare.lock"
  flock 9
  local want base_want
  base_want="$SUITE minbase 1"
  want=$(cat "$HERE/packages.txt" "$HERE/prepare.sh" | sha256sum | cut -d' ' -f1)
  if [ -d "$SANDBOX_ROOT" ] && [ "$(cat "$SANDBOX_DIR/root.stamp" 2>/dev/null)" = "$want" ]; then
    return 0
  fi
  say "making the sandbox root in ${SANDBOX_ROOT#"$PROJECT"/} (1 to 2 minutes, 2 GB)"
  local start=$SECONDS mirror
  host_packages debootstrap:debootstrap systemd-nspawn:systemd-container nsenter:util-linux ip:iproute2
  [ -e "$KEYRING" ] || die "$KEYRING is missing" "Install the package debian-archive-keyring and run again."
  mirror=$(find_mirror)
  rm -f "$SANDBOX_DIR/root.stamp"
  if [ "$(cat "$SANDBOX_DIR/base.stamp" 2>/dev/null)" != "$base_want" ] || [ ! -d "$SANDBOX_ROOT/etc" ]; then
    rm -f "$SANDBOX_DIR/base.stamp"
    make_base "$mirror"
    echo "$base_want" >"$SANDBOX_DIR/base.stamp"
  fi
  write_apt_configuration "$mirror"
  install_packages
  configure_system
  echo "$want" >"$SANDBOX_DIR/root.stamp"
  say "the sandbox root is ready ($((SECONDS - start)) s)"
}

main "$@"
