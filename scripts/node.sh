#!/bin/sh
# Runs a TypeScript file of this repository with the pinned Node 24: `sh scripts/node.sh FILE [arguments]`.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sh "$root/scripts/install.sh"
node=$root/node_modules/.bin/node
[ -x "$node" ] || node=node
exec "$node" --disable-warning=ExperimentalWarning --expose-gc "$@"
