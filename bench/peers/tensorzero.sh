#!/bin/sh
# TensorZero's gateway (Rust), embedded in its Python package: tensorzero.sh install DIR | start DIR PORT UPSTREAM
# Observability (ClickHouse, Postgres) is off: it counts and stores nothing. The embedded server takes a port of its
# own on loopback, so a line "url http://…" on standard output says where it is; PORT is not used.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case "$1" in
install)
  mkdir -p "$2" && python3 -m venv "$2/venv" && "$2/venv/bin/pip" install -q tensorzero==2026.6.0
  ;;
start)
  cd "$2"
  sed "s|UPSTREAM|$4|" "$here/tensorzero.toml" > config.toml
  exec venv/bin/python -c '
import signal
from tensorzero import tensorzero
gateway = tensorzero._start_http_gateway(
    config_file="config.toml", clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
print("url", gateway.base_url, flush=True)
signal.pause()
'
  ;;
esac
