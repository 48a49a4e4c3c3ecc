# The networks in pretrained/ are the files that its index tells of, and have the accuracy that it states.
. "$(dirname "$0")/common.sh"
command -v jq >/dev/null || { echo "jq is missing: apt-get install jq"; exit 77; }
index=$source/pretrained/index.json

total=0
count=$(jq length "$index")
[ "$count" -gt 0 ] || fail "the index is empty"
for row in $(seq 0 $((count - 1))); do
  value() { jq -r ".[$row].$1" "$index"; }
  model=$source/pretrained/$(value file)
  [ "$(sha256sum "$model" | cut -d ' ' -f 1)" = "$(value sha256)" ] || fail "$model is another file than the index says"
  total=$((total + $(stat -c %s "$model")))
  [ -f "$source/$(value recipe)" ] || fail "$(value recipe) is not there"
  "$thimble" data show "$(value data)" --json >data.json || fail "no data set $(value data)"
  [ "$(jq -r .train.sha256 data.json)" = "$(value data_sha256)" ] || fail "trained on another $(value data)"
  "$thimble" evaluate "$model" --data "$(value data)" --json >result.json 2>err || fail "$model: $(cat err)"
  # Sums in another order, on another processor, may move the odd sample that lies on the edge.
  jq -e --argjson stated "$(value accuracy)" '(.accuracy - $stated) * .samples | fabs <= 2' result.json >/dev/null ||
    fail "$model: accuracy $(jq .accuracy result.json), the index says $(value accuracy)"
  grep -q "$(value file)" "$source/pretrained/README.md" || fail "README.md leaves $(value file) out"
done
[ "$total" -le 31457280 ] || fail "pretrained/ holds $total bytes, more than 30 MB"
for file in "$source"/pretrained/*.onnx; do
  jq -e --arg file "$(basename "$file")" 'any(.[]; .file == $file)' "$index" >/dev/null || fail "$file is not in the index"
done
finish
