#!/bin/sh
# Brings what Fairlead needs to this machine; quick when there is nothing to do. Works with any Node 20 or newer and npm.
set -eu
cd "$(dirname -- "$0")/.."
stamp=node_modules/.package-lock.stamp
want=$(sha256sum package.json package-lock.json)
if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
  echo 'setup: installing the npm packages' >&2
  if ! command -v npm >/dev/null; then
    echo 'Cannot install the npm packages: npm is missing (install Node 20 or newer with npm)' >&2
    exit 2
  fi
  if ! log=$(npm install --no-save --no-audit --no-fund 2>&1); then
    printf '%s\n' "$log" | grep -v '^npm error *$' | tail -n 15 >&2
    echo 'Cannot install the npm packages: `npm install` failed (its last lines are above; check the npm registry, then call this again)' >&2
    exit 2
  fi
  printf '%s\n' "$want" >"$stamp"
fi
# Node 26 is linked to libatomic, which small Debian systems do not have.
if ! said=$(bin/fairlead-node -e 0 2>&1); then
  case $said in *libatomic*) ;; *) printf '%s\n' "$said" >&2; exit 2 ;; esac
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo 'Cannot start Node 26: libatomic.so.1 is missing (on Debian or Ubuntu, as root: apt-get install libatomic1)' >&2
    exit 2
  fi
  echo 'setup: installing the package libatomic1' >&2
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libatomic1 >/dev/null
fi
exec bin/fairlead-node tools/setup.ts "$@"
