#!/bin/sh
# The hypervolume that a search finds on UCI HAR for the nano33ble in a time, by NSGA-II and by drawing at random: each seed, means and
# 95 % intervals (Student's t), also of what one has more than the other with the same seed; beside them that of the hybrid made by hand
# (recipes/uci-har-8kb.toml), measured on the same held-out people up to the same reference point.
#   bench/search.sh [REPEATS [MINUTES [WORKERS [THIMBLE [STRATEGIES [FILE]]]]]]    by default 5 20 2 build/release/thimble "nsga2 random"
# A strategy may be nsga2-3-rungs, too. FILE.csv keeps a row of each search that ended; the same command goes on after them.
set -eu
. "$(dirname "$0")/../scripts/common.sh"
command -v jq >/dev/null || install_missing jq >&2
repeats=${1:-5} minutes=${2:-20} workers=${3:-2}
thimble=${4:-build/release/thimble}
strategies=${5:-nsga2 random}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
rows=${6:-$out/rows.csv}
[ -s "$rows" ] || echo "strategy,seed,minutes,workers,hypervolume,candidates,reference" >"$rows"

for seed in $(seq "$repeats"); do
  for strategy in $strategies; do
    grep -q "^$strategy,$seed,$minutes,$workers," "$rows" && continue
    case $strategy in
      *-rungs) rungs=${strategy%-rungs} rungs=${rungs##*-} ;;
      *) rungs=1 ;;
    esac
    # The accuracy is where the reference point has its error: what errs more adds nothing.
    "$thimble" search pretrained/uci-har.onnx --data uci-har --device nano33ble --budget accuracy=0.9 --strategy "${strategy%%-*}" \
      --rungs "$rungs" --seed "$seed" --minutes "$minutes" --workers "$workers" --quiet --json -o "$out/search" >"$out/search.json"
    jq -r --arg of "$strategy,$seed,$minutes,$workers" '"\($of),\(.hypervolume),\(.evaluations),\(.reference | map(tostring) | join(" "))"' \
      "$out/search.json" >>"$rows"
    rm -rf "$out/search"
  done
done

# Every search has the same reference point: that of the whole network in 8 bits.
if ! grep -q '^by-hand,' "$rows"; then
  sed 's/^seed = 1/&\nheld_out = true/' recipes/uci-har-8kb.toml >"$out/by-hand.toml"
  "$thimble" optimize "$out/by-hand.toml" --quiet --json -o "$out/by-hand" >/dev/null
  reference=$(tail -n 1 "$rows" | cut -d , -f 7)
  jq -r --arg reference "$reference" '
    [.stages[].results] as $results | ($results | map(select(.deployed)) | last.deployed) as $costs
    | [1 - ($results | map(select(.test)) | last.test.accuracy), $costs.latency_ms, $costs.ram_bytes, $costs.flash_bytes] as $own
    | ($reference | split(" ") | map(tonumber)) as $most
    | "by-hand,1,,,\(reduce range(4) as $k (1; . * ([0, 1 - $own[$k] / $most[$k]] | max))),1,\($reference)"' "$out/by-hand/run.json" >>"$rows"
fi
cat "$rows"

awk -F , -v minutes="$minutes" -v workers="$workers" '
  function add(name, value) { n[name]++; sum[name] += value; squares[name] += value * value }
  NR == 1 { next }
  $1 == "by-hand" { add($1, $5) }
  $3 == minutes && $4 == workers { add($1, $5); found[$1, $2] = $5; seeds[$2] }
  END {
    for (seed in seeds)
      if (("nsga2", seed) in found && ("random", seed) in found) add("nsga2 - random", found["nsga2", seed] - found["random", seed])
    split("12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262", t, " ")
    for (s in n) {
      mean = sum[s] / n[s]; left = squares[s] - n[s] * mean * mean
      printf "%-15s mean %.4f", s, mean
      if (n[s] > 1 && n[s] <= 10) printf " +- %.4f", t[n[s] - 1] * sqrt((left > 0 ? left : 0) / (n[s] - 1) / n[s])
      print ""
    }
  }' "$rows"
