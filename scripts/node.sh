#!/bin/sh
# Runs a TypeScript file of this repository with the pinned Node 24: `sh scripts/node.sh FILE [arguments]`.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sh "$root/scripts/install.sh"
node=$root/node_modules/.bin/node
[ -x "$node" ] || node=node
# Semi-spaces of half of Node's default or less: what is young fits the processor's cache, and memory is less (docs/decisions/0025). Buffers
# counted with the heap: else their 64 MB more or less start a collection of everything each time (docs/decisions/0026).
exec "$node" --max-semi-space-size=16 --external-memory-accounted-in-global-limit --disable-warning=ExperimentalWarning --expose-gc "$@"
