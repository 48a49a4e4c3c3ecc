#!/bin/sh
# Latency-aware pruning against plain L1: a float32 network is cut to several parts of its cost by
#   plain    the smallest L1 norms of filters, every layer by the same part (Li et al., ICLR 2017), to a part of the MACs
#   aware    what the loss changes by least for each cycle saved on the device (first-order Taylor), to a part of the cycles
#   half     the least L1 norm for each cycle saved, half of each layer stays, to a part of the cycles
#   loss     what the class probabilities are measured to move by least for each cycle saved, to a part of the cycles
# recovers for the same epochs with the whole network as teacher, and is quantized to int8. Prints accuracy of the integers on
# the test split (mean and standard deviation over the seeds) and counted cycles (mean), the fewest cycles first.
#   bench/latency_aware.sh [THIMBLE [MODEL.onnx DATA [EPOCHS [SEEDS [CELLS]]]]]
# By default UCI HAR, 6 epochs, "1 2 3", "plain:0.5 plain:0.42 plain:0.38 aware:0.45 half:0.45 half:0.38".
set -eu
. "$(dirname "$0")/../scripts/common.sh"
command -v jq >/dev/null || install_missing jq >&2
thimble=${1:-build/release/thimble}
model=${2:-pretrained/uci-har.onnx}
data=${3:-uci-har}
epochs=${4:-6}
seeds=${5:-1 2 3}
cells=${6:-plain:0.5 plain:0.42 plain:0.38 aware:0.45 half:0.45 half:0.38}
device=nano33ble
augment=
[ "$data" = uci-har ] && augment='--set augment={rotation=15,scaling=0.1,jitter=0.05,time_warp=0.2}'
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

for cell in $cells; do
  way=${cell%:*} keep=${cell#*:}
  case $way in
    plain) how="--criterion l1 --ranking local --of macs" ;;
    aware) how="--criterion taylor --ranking per-cost --of cycles --device $device" ;;
    loss) how="--criterion loss --ranking per-cost --of cycles --device $device" ;;
    half) how="--criterion l1 --ranking per-cost --least 0.5 --of cycles --device $device" ;;
    *) echo "there is no way '$way' to prune" >&2 && exit 2 ;;
  esac
  for seed in $seeds; do
    # shellcheck disable=SC2086
    "$thimble" prune "$model" --data "$data" --keep "$keep" --multiple 4 $how --epochs "$epochs" --distill \
      --set batch_size=64 --set ema=0.99 $augment --seed "$seed" --threads 1 --quiet -o "$out/pruned.onnx" >/dev/null
    accuracy=$("$thimble" quantize "$out/pruned.onnx" --data "$data" --evaluate --threads 1 --quiet --json \
      -o "$out/int8.onnx" | jq .test_accuracy)
    cycles=$("$thimble" profile "$out/int8.onnx" --device $device --json | jq .cycles)
    echo "$way $keep $seed $accuracy $cycles"
  done
done | tee "$out/rows" >&2

printf '%-6s %5s  %10s %6s  %10s\n' way keep accuracy sd cycles
awk '
  { cell = $1 " " $2; n[cell]++; sum[cell] += 100 * $4; squares[cell] += 100 * $4 * 100 * $4; cycles[cell] += $5 }
  END {
    for (cell in n) {
      split(cell, a, " "); mean = sum[cell] / n[cell]; spread = squares[cell] - n[cell] * mean * mean
      sd = n[cell] > 1 && spread > 0 ? sqrt(spread / (n[cell] - 1)) : 0
      printf "%-6s %5s  %8.2f %% %6.2f  %10d\n", a[1], a[2], mean, sd, cycles[cell] / n[cell]
    }
  }' "$out/rows" | sort -k6n
