#!/usr/bin/env bash
# Which commit `--version` names: of a checkout, clean, changed, and after the next commit; of an
# archive of one; of a copy of the files. And that nothing is compiled again when it stays the same.
#
# usage: version.sh SOURCE-DIR     (ctest calls it)
set -euo pipefail

source=$1
if ! command -v git >/dev/null; then
    echo "skipped: there is no git"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Nobody's own settings, and not those of a git that runs this.
unset "${!GIT_@}"
export HOME=$work GIT_CONFIG_NOSYSTEM=1
git() { command git -c user.name=x -c user.email=x@example.org -c init.defaultBranch=main "$@"; }

# expect WHAT TREE COMMIT
expect()
{
    cmake -D VERSION=1.2.3 -D SOURCE_DIR="$2" -D GIT="$(command -v git)" \
        -D OUTPUT="$work/yodel_version.h" -P "$source/cmake/version.cmake"
    if ! grep -qxF "#define YODEL_COMMIT \"$3\"" "$work/yodel_version.h" ||
        ! grep -qxF '#define YODEL_VERSION "1.2.3"' "$work/yodel_version.h"; then
        echo "FAILED: $1: not $3, but:" >&2
        cat "$work/yodel_version.h" >&2
        exit 1
    fi
    echo "ok: $1"
}
commit() { git -C "$work/tree" rev-parse --short=12 HEAD; }

mkdir -p "$work/tree/cmake"
cp "$source/cmake/commit.txt" "$work/tree/cmake/"
cp "$source/.gitattributes" "$work/tree/"
git init -q "$work/tree"
git -C "$work/tree" add -A
git -C "$work/tree" commit -qm one
git -C "$work/tree" tag v1
expect "a checkout" "$work/tree" "$(commit)"
before=$(stat -c %y "$work/yodel_version.h")
expect "the same again" "$work/tree" "$(commit)"
[[ $(stat -c %y "$work/yodel_version.h") == "$before" ]] || {
    echo "FAILED: the header was written again" >&2
    exit 1
}

echo more >>"$work/tree/.gitattributes"
expect "a changed one" "$work/tree" "$(commit)-dirty"
git -C "$work/tree" commit -qam two
expect "the next commit" "$work/tree" "$(commit)"

git clone -q "$work/tree" "$work/clone"
expect "a clone" "$work/clone" "$(commit)"

mkdir "$work/archive" "$work/tree/inside"
git -C "$work/tree" archive HEAD | tar -x -C "$work/archive"
expect "an archive" "$work/archive" "$(commit)"

cp -r "$work/tree/cmake" "$work/tree/inside/"
expect "a copy inside another checkout" "$work/tree/inside" unknown
