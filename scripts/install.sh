#!/bin/sh
# Installs the locked npm packages when they are missing or not those of the lockfile. Quick when there is nothing to do.
# The packages bring their own Node 24, so the system's Node only has to be able to run npm.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
stamp=$root/node_modules/.bittern-installed

lock=$(cksum < "$root/package-lock.json")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$lock" ]; then exit 0; fi

if ! command -v npm >/dev/null 2>&1; then
  echo "bittern: npm is needed to install the packages; install Node.js (which brings npm) and try again" >&2
  exit 69
fi
echo "bittern: installing packages (once; about 1 GB with the embedded ClickHouse) …" >&2
(cd "$root" && npm ci --no-fund --no-audit --loglevel=error >&2)

node=$root/node_modules/.bin/node
[ -x "$node" ] || node=node
major=$("$node" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
if [ "$major" -lt 24 ]; then
  echo "bittern: Node 24 or newer is needed and its npm package could not be installed here; install Node 24 and try again" >&2
  exit 69
fi
echo "$lock" > "$stamp"
