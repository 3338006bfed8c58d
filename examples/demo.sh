#!/usr/bin/env bash
# The main job in one go, on this machine: deploy a packaged model, predict, update it under load, delete it.
# Prints each command before it runs it, and leaves nothing behind. Ends with 1 if anything failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v deployer >/dev/null || {
  echo "error: deployer is not on the PATH; run: make demo" >&2
  exit 1
}
python=$(command -v python || command -v python3)

# The demo has a data folder of its own, and no settings of the person who runs it.
for name in $(compgen -e DEPLOYER_ || true); do unset "$name"; done
folder=$(mktemp -d)
export XDG_DATA_HOME="$folder/data" XDG_STATE_HOME="$folder/state" XDG_CONFIG_HOME="$folder/config"
load=
finished=

clean_up() {
  local status=$?
  if [ -n "$load" ]; then kill "$load" 2>/dev/null || true; fi
  if [ -z "$finished" ] && [ "$status" -eq 0 ]; then status=1; fi
  if [ -z "$finished" ] && ! deployer delete iris --yes --missing-ok >"$folder/delete.log" 2>&1; then
    cat "$folder/delete.log" >&2
    printf 'the demo failed, and what it deployed may still run; try: XDG_DATA_HOME=%q deployer delete iris --yes\n' \
      "$XDG_DATA_HOME" >&2
    exit "$status"
  fi
  rm -rf "$folder"
  if [ -z "$finished" ]; then echo "the demo failed; nothing of it is left" >&2; fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

run() {
  printf '\n$'
  printf ' %q' "$@"
  printf '\n'
  "$@"
}

run deployer create iris --model examples/models/iris
run deployer predict iris -i examples/rows.csv

url=$(deployer status iris -o json | "$python" -c 'import json, sys; print(json.load(sys.stdin)["url"])')
printf '\n$ python examples/load.py %q examples/rows.csv &\n' "$url"
"$python" examples/load.py "$url" examples/rows.csv >"$folder/load.json" &
load=$!

run deployer update iris --model examples/models/iris-v2
run deployer predict iris -i examples/rows.csv

printf '\n$ kill %%1    # the load ends, and says what it counted\n'
kill "$load"
failed=0
wait "$load" || failed=$?
load=
cat "$folder/load.json"

run deployer history iris
run deployer delete iris --yes

if [ "$failed" -ne 0 ]; then
  echo "error: requests failed while the endpoint was updated" >&2
  exit 1
fi
finished=yes
printf '\nDeployed, predicted, updated under load without a failed request, and deleted: nothing is left behind.\n'
