#!/bin/sh
# A small real search on a table of the user's own: its files, killed and gone on with, its chosen recipe, and wrong input.
. "$(dirname "$0")/common.sh"

awk 'BEGIN { srand(3); print "a,b,c,d,label"; for (i = 0; i < 400; ++i) { y = i % 2;
  printf "%.4f,%.4f,%.4f,%.4f,%s\n", y + rand(), rand(), 2 * rand() - y, rand(), y ? "one" : "two" } }' >own.csv
"$thimble" train zoo:ds-cnn,input=1x1x4,classes=2,width=0.25 --data own.csv --epochs 2 --set batch_size=32 --quiet -o f.onnx >/dev/null ||
  fail "the training"
run=
search() { # FOLDER EVALUATIONS OPTIONS...
  into=$1 evaluations=$2
  shift 2
  $run "$thimble" search f.onnx --data own.csv --device nano33ble --population 3 --evaluations "$evaluations" -o "$into" --quiet "$@"
}
search whole 5 --budget flash_bytes=1000000 >whole.txt || fail "a search"
grep -q 'Hypervolume' whole.txt || fail "the table lacks the hypervolume"
[ "$(jq .evaluations whole/front.json)" = 5 ] || fail "not five candidates"
[ "$(jq '.front | length' whole/front.json)" = "$(($(wc -l <whole/front.csv) - 1))" ] || fail "JSON and CSV differ"
jq -e '.hypervolume >= 0 and .hypervolume <= 1 and (.front | all(.error <= 1 and .ram_bytes > 0))' whole/front.json >/dev/null ||
  fail "figures out of range"
# What is chosen runs as a recipe.
"$thimble" optimize whole/chosen.toml -o chosen --quiet >/dev/null || fail "the chosen recipe"

# What is killed is the program, not a shell around it.
(run=exec && search pieces 5 --budget flash_bytes=1000000 >/dev/null 2>&1) &
wait_for pieces/runs/trial-1
kill -9 $! || fail "the search ended before it was killed"
wait $! 2>/dev/null
search pieces 5 --budget flash_bytes=1000000 --workers 2 >/dev/null || fail "going on after kill -9"
for name in whole pieces; do jq 'del(.output)' $name/front.json >$name.json; done
cmp whole.json pieces.json || fail "a search that was killed ends with another front"

expect 3 'the least that was reached' search poor 2 --budget ram_bytes=16
expect 1 'another search' search whole 5 --seed 2
expect 2 'evaluations' search none 0
expect 0 'report.html' "$thimble" report whole/search.db -o report.html
for said in 'What the search found' 'The chosen recipe' 'data-tip' 'The whole network in 8 bits'; do
  grep -q "$said" report.html || fail "the report lacks '$said'"
done
expect 0 'report.csv' "$thimble" report whole/search.db -o report.csv
[ "$(grep -c -E '^[0-9]' report.csv)" = 5 ] || fail "the report's table has not five candidates"
expect 0 'report.json' "$thimble" report whole/search.db -o report.json
jq -e --slurpfile front whole/front.json '.chosen == $front[0].chosen and .hypervolume[-1] == $front[0].hypervolume' report.json >/dev/null ||
  fail "the report and the front differ"
# A search goes on with the network and the data that it began with, and with the tools that it needs.
cp f.onnx kept.onnx
cp own.csv kept.csv
sed -i 2d own.csv
expect 1 'another search' search whole 6 --budget flash_bytes=1000000
cp kept.csv own.csv
"$thimble" train zoo:ds-cnn,input=1x1x4,classes=2,width=0.25 --data own.csv --epochs 1 --set batch_size=32 --quiet -o f.onnx >/dev/null
expect 1 'another search' search whole 6 --budget flash_bytes=1000000
cp kept.onnx f.onnx
expect 1 'not installed' env PATH=/nowhere "$thimble" search f.onnx --data own.csv --device nano33ble --evaluations 2 -o bare
[ ! -e bare ] || fail "a search without tools left a folder"
# What is in use is left alone.
(flock 9; expect 1 'another search' search whole 5; exit "$failures") 9>whole/.lock || fail "two searches in one folder"
expect 2 'energy: is not known of rp2040' "$thimble" search f.onnx --data own.csv --device rp2040 --budget energy=500uJ -o none
expect 1 'measured nothing' search brief 5 --minutes 1e-9
expect 1 'no_such' search none 2 --budget no_such=3
expect 1 'no_such' search none 2 --objective no_such=3
expect 2 'no weight above zero' search none 2 --objective error=0,latency=0,size=0
expect 1 'another search' search whole 5 --objective error=1,latency=0,size=0
finish
