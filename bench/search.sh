#!/bin/sh
# The hypervolume that a search finds on UCI HAR for the nano33ble in a time, by NSGA-II, by drawing at random with the same rungs, and
# by drawing at random with one length of training: each seed, mean and 95 % interval (Student's t); beside them that of the hybrid
# made by hand (recipes/uci-har-8kb.toml), measured on the same held-out people up to the same reference point.
#   bench/search.sh [REPEATS [MINUTES [WORKERS [THIMBLE [STRATEGIES [FOLDER]]]]]]    by default 5 20 2; a strategy may be nsga2-one-rung, too
# With a FOLDER the searches that ended are kept there, and the same command goes on after them.
set -eu
cd "$(dirname "$0")/.."
repeats=${1:-5} minutes=${2:-20} workers=${3:-2}
thimble=${4:-build/release/thimble}
strategies=${5:-nsga2 random random-one-rung}
out=${6:-}
if [ -z "$out" ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"
for seed in $(seq "$repeats"); do
  for strategy in $strategies; do
    case $strategy in
      *-one-rung) options="--strategy ${strategy%-one-rung} --rungs 1" ;;
      *) options="--strategy $strategy" ;;
    esac
    # The accuracy is where the reference point has its error: what errs more adds nothing.
    if [ ! -e "$out/$strategy-$seed.json" ]; then
      rm -rf "$out/$strategy-$seed"  # of one that was stopped: its time would count anew
      # shellcheck disable=SC2086
      "$thimble" search pretrained/uci-har.onnx --data uci-har --device nano33ble --budget accuracy=0.9 $options --seed "$seed" \
        --minutes "$minutes" --workers "$workers" --quiet --json -o "$out/$strategy-$seed" >"$out/ending.json"
      mv "$out/ending.json" "$out/$strategy-$seed.json"
      rm -rf "$out/$strategy-$seed"
    fi
    jq -r --arg strategy "$strategy" --arg seed "$seed" '"\($strategy) \($seed) \(.hypervolume) \(.evaluations)"' "$out/$strategy-$seed.json"
    cp "$out/$strategy-$seed.json" "$out/reference.json"
  done
done | tee "$out/rows"

sed 's/^seed = 1/&\nheld_out = true/' recipes/uci-har-8kb.toml >"$out/by-hand.toml"
"$thimble" optimize "$out/by-hand.toml" --quiet --json -o "$out/by-hand" >/dev/null
jq -r --slurpfile search "$out/reference.json" '
  [.stages[].results] as $results | ($results | map(select(.deployed)) | last.deployed) as $costs
  | [1 - ($results | map(select(.test)) | last.test.accuracy), $costs.latency_ms, $costs.ram_bytes, $costs.flash_bytes] as $own
  | $search[0].reference as $reference
  | (reduce range(4) as $k (1; . * ([0, 1 - $own[$k] / $reference[$k]] | max))) as $part
  | "by-hand 1 \($part) 1", "reference: \($reference); by hand: \($own)"' "$out/by-hand/run.json"
awk '
  { n[$1]++; sum[$1] += $3; squares[$1] += $3 * $3 }
  END {
    split("12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262", t, " ")
    for (s in n) {
      mean = sum[s] / n[s]; left = squares[s] - n[s] * mean * mean
      printf "%-15s mean %.4f", s, mean
      if (n[s] > 1 && n[s] <= 10) printf " +- %.4f", t[n[s] - 1] * sqrt((left > 0 ? left : 0) / (n[s] - 1) / n[s])
      print ""
    }
  }' "$out/rows"
