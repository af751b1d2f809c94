#!/bin/sh
# Makes ./configure. Needs autoconf, automake and pkg-config (scripts/setup installs them).
set -eu
cd "$(dirname "$0")"
for tool in autoreconf automake pkg-config; do
    command -v "$tool" >/dev/null || {
        echo "autogen.sh: $tool not found: run scripts/setup build (or apt-get install autoconf automake pkg-config)" >&2
        exit 1
    }
done
mkdir -p scripts/m4
exec autoreconf --install --warnings=all
