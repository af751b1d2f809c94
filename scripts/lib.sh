# shellcheck shell=bash
# What the scripts here share. Sourced: sets `top` (the root of the tree) and goes there.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"

# git answers also when root reads somebody else's checkout, as CI machines do.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$top"

say() {
    printf '%s: %s\n' "${0##*/}" "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# source_files <pathspec…>: files of the project, also new ones that git does not know yet.
source_files() {
    local file
    git ls-files -co --exclude-standard -- "$@" | sort -u | while IFS= read -r file; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done
}

# build_in <directory> <configure argument…>: configures <directory> (a sibling of the sources) if it
# is new or was configured in another way, then builds what the programs need.
build_in() {
    local dir=$1
    shift
    if [ ! -x configure ]; then ./autogen.sh; fi
    mkdir -p "$dir"
    if [ ! -f "$dir/Makefile" ] || [ "$(cat "$dir/.configured-with" 2>/dev/null)" != "$*" ]; then
        (cd "$dir" && ../configure --silent "$@")
        printf '%s\n' "$*" >"$dir/.configured-with"
    fi
    make -C "$dir" --no-print-directory -j"$(nproc)"
}

# npm_packages <directory>: the npm packages of its lock file.
npm_packages() {
    local done_mark=$1/node_modules/.package-lock.json
    if [ ! "$done_mark" -nt "$1/package-lock.json" ]; then
        npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
        touch "$done_mark"
    fi
}

# test_packages: what the tests need from npm, and the node that comes with it first in PATH.
# (Debian 12 has node 18, which the clients refuse; npm 9 makes no link to the node that comes so.)
test_packages() {
    local dir=$top/tests/integration bin
    npm_packages "$dir"
    for bin in "$dir"/node_modules/node-linux-*/bin; do
        if [ -x "$bin/node" ]; then PATH=$bin:$PATH; fi
    done
}

# call_to_paste <endpoint> <whether a token is needed: empty or not>: a call for another terminal.
call_to_paste() {
    local authorization=
    if [ -n "$2" ]; then
        # shellcheck disable=SC2016 # whoever pastes it has the variable
        authorization=$'\n  -H "Authorization: Bearer $SANDBOX_AUTH_TOKEN" \\'
    fi
    cat <<EOT
curl -sS $1 \\$authorization
  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\
  -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: execute_code' \\
  -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{
        "name":"execute_code","arguments":{"command":"echo hello"},
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                 "io.modelcontextprotocol/clientCapabilities":{}}}}'
EOT
}
