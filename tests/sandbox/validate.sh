#!/bin/bash
# validate.sh: holds every file that is not Rust against the tool that knows its
# kind. Runs inside the sandbox root, in the project's directory (in-root.sh).
set -euo pipefail

failures=0

# each KIND COMMAND… -- FILE…: runs COMMAND FILE for every file.
each() {
  local kind=$1 file command=()
  shift
  while [ "$1" != -- ]; do command+=("$1"); shift; done
  shift
  local files=("$@")
  for file in "${files[@]}"; do
    if ! output=$("${command[@]}" "$file" 2>&1); then
      printf 'invalid %s: %s\n%s\n' "$kind" "$file" "$output" >&2
      failures=$((failures + 1))
    fi
  done
  printf '   %-22s %d files\n' "$kind" "${#files[@]}"
}

# Files under version control or about to be, by pattern.
files() { git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@"; }

# Scripts by their first line, whatever they are called.
scripts() {
  local file line
  while IFS= read -r file; do
    [ -f "$file" ] && IFS= read -r line <"$file" 2>/dev/null || continue
    [[ $line =~ ^\#\!.*[/\ ](ba|da)?sh( |$) || $line == '# shellcheck shell='* ]] && printf '%s\n' "$file"
  done < <(files .ci data debian helper systemd tests Makefile) || true
}

python_syntax() { python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$1"; }

c_syntax() {
  local flags=()
  if grep -q '<adwaita.h>' "$1"; then read -ra flags <<<"$(pkg-config --cflags libadwaita-1)"; fi
  gcc -std=gnu11 -O1 -Wall -Wextra -Werror -fsyntax-only ${flags[@]+"${flags[@]}"} "$1"
}

schemas() {
  local directory
  directory=$(mktemp -d)
  cp "$1" "$directory"
  glib-compile-schemas --strict --dry-run "$directory"
}

# A unit is judged where it will lie; the programs it names need only exist.
unit() {
  local program
  while IFS= read -r program; do
    [ -e "$program" ] || install -D -m 755 /bin/true "$program"
  done < <(sed -nE 's/^Exec[A-Za-z]*=[-@:+!|]*([^ ]+).*/\1/p' "$1")
  install -D -m 644 "$1" "/etc/systemd/system/$(basename "$1")"
  local said
  said=$(systemd-analyze verify --man=no --recursive-errors=no "/etc/systemd/system/$(basename "$1")" 2>&1) || { echo "$said"; return 1; }
  # It warns, with success, of words it does not know.
  [ -z "$said" ] || { echo "$said"; return 1; }
}

mapfile -t found < <(scripts)
# SC1111 and its kin: typographic quotes in messages are meant.
each "shell scripts" shellcheck --exclude=SC1110,SC1111,SC1112 --external-sources --source-path=SCRIPTDIR -- ${found[@]+"${found[@]}"}
mapfile -t found < <(files '*.py')
each "Python syntax" python_syntax -- ${found[@]+"${found[@]}"}
mapfile -t found < <(files 'tests/*.c')
each "C programs" c_syntax -- ${found[@]+"${found[@]}"}
mapfile -t found < <(files '*.desktop')
each "desktop files" desktop-file-validate -- ${found[@]+"${found[@]}"}
mapfile -t found < <(files '*.metainfo.xml')
each "metainfo" appstreamcli validate --no-net -- ${found[@]+"${found[@]}"}
mapfile -t found < <(files '*.gschema.xml')
each "settings schemas" schemas -- ${found[@]+"${found[@]}"}
mapfile -t found < <(files '*.xml' '*.svg' '*.policy' '*.ui' 'data/*dbus*.conf' 'data/*Helper*.conf')
each "well-formed XML" xmllint --nonet --noout -- ${found[@]+"${found[@]}"}
mapfile -t found < <(files '*.page')
each "pages of the manual" xmllint --nonet --noout --relaxng /usr/share/xml/mallard/1.0/mallard-1.0.rng -- ${found[@]+"${found[@]}"}
mapfile -t found < <(files '*.po')
each "translations" msgfmt --check --output-file=/dev/null -- ${found[@]+"${found[@]}"}
template() { po/update.sh --check; }
each "message template" template -- po/bastion.pot
mapfile -t found < <(files 'systemd/*.service' 'systemd/*.socket' 'systemd/*.timer' 'systemd/*.path' 'systemd/*.target')
each "systemd units" unit -- ${found[@]+"${found[@]}"}

if [ "$failures" -gt 0 ]; then
  echo "$failures files are invalid" >&2
  exit 1
fi
