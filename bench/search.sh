#!/bin/sh
# The hypervolume that a search finds on UCI HAR for the nano33ble in a time, by NSGA-II and by drawing at random: each seed, mean and
# 95 % interval (Student's t).
#   bench/search.sh [REPEATS [MINUTES [WORKERS [THIMBLE]]]]       by default 5 20 2
set -eu
cd "$(dirname "$0")/.."
repeats=${1:-5} minutes=${2:-20} workers=${3:-2}
thimble=${4:-build/release/thimble}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for seed in $(seq "$repeats"); do
  for strategy in nsga2 random; do
    "$thimble" search pretrained/uci-har.onnx --data uci-har --device nano33ble --strategy $strategy --seed "$seed" \
      --minutes "$minutes" --workers "$workers" --quiet --json -o "$out/$strategy-$seed" |
      jq -r --arg strategy $strategy --arg seed "$seed" '"\($strategy) \($seed) \(.hypervolume) \(.evaluations)"'
  done
done | tee "$out/rows"
awk '
  { n[$1]++; sum[$1] += $3; squares[$1] += $3 * $3 }
  END {
    split("12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262", t, " ")
    for (s in n) {
      mean = sum[s] / n[s]; left = squares[s] - n[s] * mean * mean
      printf "%-7s mean %.4f", s, mean
      if (n[s] > 1 && n[s] <= 10) printf " +- %.4f", t[n[s] - 1] * sqrt((left > 0 ? left : 0) / (n[s] - 1) / n[s])
      print ""
    }
  }' "$out/rows"
