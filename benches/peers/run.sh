#!/usr/bin/env bash
# Ours beside other systems that could do the same: benches/peers/run.sh [web|burn|burn-wgpu|candle|pytorch] [OPTIONS]. Without a name,
# all but burn-wgpu, which is for adapters: beside the processor Burn has a backend of its own.
# PYTHON is a Python with what requirements.txt names; web and pytorch need it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

PEERS=benches/peers
PYTHON=${PYTHON:-python3}

die() { printf 'peers: %s\n' "$*" >&2; exit 1; }

# The packages of the folder $1, as its lock file says.
need_packages() {
  cmp -s "$1/package-lock.json" "$1/node_modules/.from-lock" && return
  npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  cp "$1/package-lock.json" "$1/node_modules/.from-lock"
}

need_python() {
  "$PYTHON" -c 'import diffusers, onnx, torch' 2>/dev/null ||
    die "$PYTHON lacks torch, diffusers or onnx; try: python3 -m venv V && V/bin/pip install -r $PEERS/requirements.txt, then PYTHON=V/bin/python"
}

web() {
  need_python
  need_packages tests/browser
  need_packages "$PEERS"
  ./build.sh web
  [ -f target/peers/facts.json ] ||
    "$PYTHON" -W ignore "$PEERS/export.py" tests/fixtures/checkpoints/fashion-mnist-reference target/peers
  node "$PEERS/web/run.mjs" "$@"
}

# The binary $2 of this folder's workspace, which the feature $1 builds.
peer() {
  cargo run --release --manifest-path "$PEERS/Cargo.toml" --target-dir target/peers/cargo --features "$1" --bin "$2" -- "${@:3}"
}

burn() { peer burn burn-peer "$@"; }
burn-wgpu() { peer burn-wgpu burn-peer "$@"; }
candle() { peer candle candle-peer "$@"; }

pytorch() {
  need_python
  PYTHON=$PYTHON ./build.sh bench --parts pytorch --json target/peers/pytorch.json "$@"
}

case "${1:-all}" in
  web | burn | burn-wgpu | candle | pytorch) "$1" "${@:2}" ;;
  all) web && burn && candle && pytorch ;;
  *) die "which of: web, burn, burn-wgpu, candle, pytorch?" ;;
esac
