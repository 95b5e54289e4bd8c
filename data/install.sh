#!/bin/bash
# install.sh PROGRAMS DESTDIR PREFIX: puts what was built, and all files under
# data/, systemd/ and po/, where a Linux system looks for them. `make install`
# and the package both come from here. PROGRAMS is the directory with the built
# programs. Files name their paths under /usr; another PREFIX is written into
# them on the way.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=$1 destdir=$2 prefix=$3
to=$destdir$prefix
share=$to/share

# place MODE DIRECTORY FILE…
place() {
  local mode=$1 directory=$2 file
  shift 2
  for file; do install -D -m "$mode" "$file" "$directory/$(basename "$file")"; done
}

# place_text DIRECTORY FILE…: the same, for files that may name paths.
place_text() {
  local directory=$1 file
  shift
  for file; do
    place 644 "$directory" "$file"
    sed -i "s#/usr/\(bin\|sbin\|libexec\|lib\|share\)/#$prefix/\1/#g" "$directory/$(basename "$file")"
  done
}

# all FIND-ARG…: what matches under data/, one to a line.
all() { find data -type f "$@" | sort; }

mapfile -t units < <(find systemd -type f \( -name '*.service' -o -name '*.socket' -o -name '*.timer' -o -name '*.path' \) 2>/dev/null | sort)

# The unit says where the helper lies.
helper=$(sed -nE 's#^ExecStart=[-@:+!|]*/usr/([^ ]*/bastion-helper)( .*)?$#\1#p' ${units[@]+"${units[@]}"} </dev/null | head -n 1)
[ -n "$helper" ] || { echo "error: no unit under systemd/ starts /usr/…/bastion-helper" >&2; exit 1; }
place 755 "$to/bin" "$programs/bastion" "$programs/bastionctl"
place 755 "$to/$(dirname "$helper")" "$programs/bastion-helper"
place_text "$to/lib/systemd/system" ${units[@]+"${units[@]}"}

# into DIRECTORY FIND-ARG…: all that matches goes there.
into() {
  local directory=$1 found
  shift
  mapfile -t found < <(all "$@")
  place_text "$directory" ${found[@]+"${found[@]}"}
}
into "$share/applications" -name '*.desktop' ! -name '*.autostart.desktop'
# So that questions can be asked from the beginning of each session.
while IFS= read -r autostart; do
  install -D -m 644 "$autostart" "$destdir/etc/xdg/autostart/$(basename "${autostart/.autostart/}")"
done < <(all -name '*.autostart.desktop')
into "$share/metainfo" -name '*.metainfo.xml'
into "$share/glib-2.0/schemas" -name '*.gschema.xml'
into "$share/polkit-1/actions" -name '*.policy'
into "$share/polkit-1/rules.d" -name '*.rules'
into "$share/dbus-1/system.d" -name '*.conf'
into "$share/dbus-1/interfaces" -path '*interfaces*' -name '*.xml'
# The bus starts the app for a user. The helper is the system's alone to start: whoever asked the
# bus for it would bring back what an administrator stopped.
into "$share/dbus-1/services" -name '*.service'
# The rules and settings it starts with.
into "$share/bastion" -name '*.toml'

# Icons keep their place in the theme: data/icons/hicolor/….
while IFS= read -r icon; do
  place 644 "$share/icons/$(dirname "${icon#*icons/}")" "$icon"
done < <(all -path '*icons/hicolor/*')

# The manual, by language: data/help/C/….
while IFS= read -r page; do
  place 644 "$share/help/$(basename "$(dirname "$page")")/bastion" "$page"
done < <(all -path '*help/*' -name '*.page')

while IFS= read -r page; do
  place 644 "$share/man/man${page##*.}" "$page"
done < <(all -regex '.*\.[1-8]')
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
"$programs/bastionctl" man "$pages"
place 644 "$share/man/man1" "$pages"/*.1
for shell in bash fish zsh; do "$programs/bastionctl" completions "$shell" >"$pages/$shell"; done
install -D -m 644 "$pages/bash" "$share/bash-completion/completions/bastionctl"
install -D -m 644 "$pages/fish" "$share/fish/vendor_completions.d/bastionctl.fish"
install -D -m 644 "$pages/zsh" "$share/zsh/site-functions/_bastionctl"

while IFS= read -r catalogue; do
  language=$(basename "$catalogue" .po)
  install -d "$share/locale/$language/LC_MESSAGES"
  msgfmt -o "$share/locale/$language/LC_MESSAGES/bastion.mo" "$catalogue"
done < <(find po -name '*.po' 2>/dev/null | sort)

# Packages do this when they are installed; an older list of settings would stay in force.
if [ -z "$destdir" ] && command -v glib-compile-schemas >/dev/null; then
  glib-compile-schemas "$share/glib-2.0/schemas"
fi
