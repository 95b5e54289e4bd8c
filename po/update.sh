#!/bin/bash
# update.sh [--check]: makes po/bastion.pot from the sources that po/POTFILES.in
# names, and brings the translations up to date with it. With --check it changes
# nothing and fails when the template is not current.
set -euo pipefail
cd "$(dirname "$0")/.."

template=po/bastion.pot
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# Every source with a message has to be named; those of tests have none.
named=$(sort po/POTFILES.in)
there=$(grep -rlE '\b(gettext|gettext_f|ngettext_f)\(' app/src --include='*.rs' | grep -v '^app/src/i18n.rs$' |
  cat - <(find data -name '*.desktop' -o -name '*.metainfo.xml' -o -name '*.gschema.xml') | sort)
if [ "$named" != "$there" ]; then
  echo "error: po/POTFILES.in does not name the files with messages:" >&2
  diff <(echo "$named") <(echo "$there") >&2 || true
  exit 1
fi

# A message whose line ends in a backslash is one text to Rust and another to
# xgettext.
if grep '\.rs$' po/POTFILES.in | xargs -d '\n' grep -nE '[^\\]\\$' >&2; then
  echo "error: write these messages on one line" >&2
  exit 1
fi

# xgettext reads Rust as C, which knows no raw strings and no lifetimes; what it
# says about the latter is of no matter.
grep '\.rs$' po/POTFILES.in | xgettext --language=C --from-code=UTF-8 --add-comments=Translators: \
  --keyword --keyword=gettext:1 --keyword=gettext_f:1 --keyword=ngettext_f:1,2 \
  --package-name=bastion --foreign-user --no-location --files-from=- --output="$made/code.pot" 2>"$made/said" ||
  { cat "$made/said" >&2; exit 1; }
grep -v '\.rs$' po/POTFILES.in | xgettext --from-code=UTF-8 --package-name=bastion --foreign-user --no-location \
  --files-from=- --output="$made/data.pot"
# Dates and C's formats mean nothing here, and would make each run differ.
xgettext --no-location --foreign-user --package-name=bastion --output=- "$made/code.pot" "$made/data.pot" |
  sed -e '/^"POT-Creation-Date:/d' -e '/^#, c-format$/d' >"$made/bastion.pot"

if [ "${1:-}" = --check ]; then
  if ! diff -u "$template" "$made/bastion.pot"; then
    echo "error: $template is not current; run po/update.sh" >&2
    exit 1
  fi
  exit 0
fi
cp "$made/bastion.pot" "$template"
for catalogue in po/*.po; do
  [ -e "$catalogue" ] || continue
  msgmerge --quiet --update --backup=none "$catalogue" "$template"
done
