#!/bin/sh
# Builds the Alertmanager that the tests of services/alerts run against, once, and prints the program's path.
# Needs Go; without it (or without its module proxy) says so and exits with 69.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
version=0.28.1
folder=$root/.cache/alertmanager-$version
program=$folder/alertmanager

if [ -x "$program" ]; then echo "$program"; exit 0; fi
# Where Go's own archive puts it.
PATH=$PATH:/usr/local/go/bin
if ! command -v go >/dev/null 2>&1; then
  echo "alertmanager: Go is needed to build it: install golang (https://go.dev/dl)" >&2
  exit 69
fi
echo "alertmanager: building $version (once; about a minute) …" >&2
mkdir -p "$folder"
build=$(mktemp -d "$folder/build.XXXXXX")
trap 'rm -rf "$build"' EXIT
if ! GOBIN="$build" GOFLAGS=-mod=mod go install "github.com/prometheus/alertmanager/cmd/alertmanager@v$version" >&2; then
  echo "alertmanager: it could not be built" >&2
  exit 69
fi
# Two builds at a time are harmless: the name appears with the whole program in it.
mv -f "$build/alertmanager" "$program"
echo "$program"
