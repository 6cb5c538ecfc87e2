#!/bin/sh
# Debian's Chromium and a Chinese font for the browser tests, where they can be installed; otherwise the tests
# that need them say that they were left out.
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "== 安装 Chromium (Debian) for the browser tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; } >/dev/null 2>&1 && exit 0
fi
echo "== 没有 Chromium，也无法安装：浏览器测试将跳过 (browser tests will be left out)"
