#!/bin/sh
# Portkey AI gateway (Node): portkey.sh install DIR | start DIR PORT UPSTREAM
# Upstream and provider travel in request headers (see bench/candidates.py); no log, no cache, no guardrail is on.
# The two overrides are needed: with newer versions of hono, streams answer 500.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case "$1" in
install)
  mkdir -p "$2" && cd "$2"
  cat > package.json <<'JSON'
{"name": "portkey-bench", "private": true,
 "dependencies": {"@portkey-ai/gateway": "1.15.2"},
 "overrides": {"hono": "4.9.7", "@hono/node-server": "1.13.7"}}
JSON
  npm install --no-audit --no-fund --ignore-scripts
  ;;
start)
  cd "$2"
  NODE_ENV=production exec node --import "$here/portkey-loopback.mjs" \
    node_modules/@portkey-ai/gateway/build/start-server.js --headless "--port=$3"
  ;;
esac
