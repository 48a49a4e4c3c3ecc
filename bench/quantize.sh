#!/bin/sh
# What quantization loses and costs: accuracy of integers against float32 on whole test splits, and the time of a step of
# quantization-aware training against one of float32 training of the same network (MNIST, one thread, in turns).
#   bench/quantize.sh [THIMBLE] [FLOAT_MNIST.onnx...]
set -eu
. "$(dirname "$0")/../scripts/common.sh"
command -v jq >/dev/null || install_missing jq >&2
thimble=${1:-build/release/thimble}
[ $# -gt 0 ] && shift
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

measure() { # MODEL DATA [OPTIONS]: float32 and integer accuracy, points lost
  model=$1 data=$2
  shift 2
  "$thimble" quantize "$model" --data "$data" --evaluate --json "$@" -o "$out/q.onnx" |
    jq -r --arg name "$(basename "$model") $*" \
      '"\($name): \(100 * .test_accuracy_before) % -> \(100 * .test_accuracy) %, \(.weights_bytes) B of weights"'
}
for bits in 8 4 mixed; do
  measure pretrained/cifar10-resnet8.onnx cifar10 --bits $bits
  measure pretrained/uci-har.onnx uci-har --bits $bits --calibration mse
  for model in "$@"; do measure "$model" mnist --bits $bits; done
done

rate() { jq -r '[.epochs[].images_per_second] | max'; }
for turn in 1 2; do
  float=$("$thimble" train zoo:mnist-cnn --data mnist --epochs 1 --set batch_size=64 --threads 1 --json -o "$out/f.onnx" | rate)
  qat=$("$thimble" quantize "$out/f.onnx" --data mnist --bits 4 --method qat --epochs 1 --threads 1 --json -o "$out/q.onnx" | rate)
  awk -v turn=$turn -v float="$float" -v qat="$qat" 'BEGIN {
    printf "turn %d: %.0f images a second in float32, %.0f with quantization: %.2f times the time a step\n", turn, float, qat, float / qat }'
done
