#!/bin/sh
# LiteLLM's proxy (Python), one worker, no database: litellm.sh install DIR | start DIR PORT UPSTREAM
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case "$1" in
install)
  mkdir -p "$2" && python3 -m venv "$2/venv" && "$2/venv/bin/pip" install -q 'litellm[proxy]==1.106.2'
  ;;
start)
  cd "$2"
  sed "s|UPSTREAM|$4|" "$here/litellm.yaml" > config.yaml
  # The map of prices comes with the package: nothing is fetched at the start, no telemetry is sent.
  LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_MODE=PRODUCTION LITELLM_LOG=ERROR NO_PROXY=127.0.0.1 \
    exec venv/bin/litellm --config config.yaml --host 127.0.0.1 --port "$3" --num_workers 1 --telemetry False
  ;;
esac
