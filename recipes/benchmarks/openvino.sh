#!/usr/bin/env bash
# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
# Makes an environment for the backend openvino, which does not go with the other two stacks, runs its tests there and
# measures what it makes. Needs python3.
set -euo pipefail
cd "$(dirname "$0")/../.."
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
python3 -m venv "$environment"
"$environment/bin/pip" install --quiet -c constraints/openvino.txt -e ".[openvino,test]"
"$environment/bin/python" -m pytest tests/quantization -p no:cacheprovider
OMP_NUM_THREADS=1 "$environment/bin/python" recipes/benchmarks/quantized.py --backends openvino quanto --rounds 10
