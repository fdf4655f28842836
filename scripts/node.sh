#!/bin/sh
# Runs a TypeScript file of this repository with the pinned Node 24: `sh scripts/node.sh FILE [arguments]`.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sh "$root/scripts/install.sh"
node=$root/node_modules/.bin/node
[ -x "$node" ] || node=node
# Half of Node's default or less: what is young fits the processor's cache, and memory is less (docs/decisions/0025).
exec "$node" --max-semi-space-size=16 --disable-warning=ExperimentalWarning --expose-gc "$@"
