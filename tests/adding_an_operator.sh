#!/bin/sh
# Adds an operator to a copy of the sources and checks that exactly the files that docs/adding-an-operator.md lists stop
# compiling: the walk through a new operator stays true.
# Usage: adding_an_operator.sh SOURCE_DIR
set -eu
[ -n "${THIMBLE_FULL_TESTS:-}" ] || { echo "compiles thirty files: scripts/test.sh --full runs it"; exit 77; }
source=$1
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$source/src" "$source/kernels" "$copy"
# The build compiles several files at a time; here each has a command of its own.
cmake -S "$source" -B "$copy/build" -G Ninja -DCMAKE_UNITY_BUILD=OFF -DTHIMBLE_TESTS=OFF -DTHIMBLE_BENCH=OFF >/dev/null
cmake --build "$copy/build" --target src/formats/tflite/schema_generated.h >/dev/null
commands=$copy/build/compile_commands.json

header=$copy/src/graph/operators.h
sed -i 's|^/// Every operator there is|struct Negate {\n  static constexpr std::string_view kName = "Negate";\n  bool operator==(const Negate\&) const = default;\n};\n\n&|
        s|\(BatchNorm, Relu, Relu6\)>;|\1, Negate>;|' "$header"
grep -q 'Relu6, Negate>' "$header" || { echo "operators.h has changed: mend this test" >&2; exit 1; }

listed=$(sed -n 's/^- `\(src[^`]*\)`.*/\1/p' "$source/docs/adding-an-operator.md" | sort)
failed=
# Sources that never mention an operator, or std::visit, cannot depend on the list.
for file in $(cd "$source" && grep -lE 'std::visit|Overload' -r src --include=*.cpp | sort); do
  # A room that is always compiled many files at a time has the command of one that is not.
  command=$(jq -r --arg file "$source/$file" --arg room "$source/$(dirname "$file")/" '
    [.[] | select(.file == $file)] + [.[] | select(.file | startswith($room))] | .[0].command // ""' "$commands")
  [ -n "$command" ] || { echo "$file is not compiled by itself" >&2; exit 1; }
  # The copy comes first on the include path; a precompiled header would bring the original back.
  flags=$(printf '%s\n' "$command" | tr ' ' '\n' | awk '
    skip { skip = 0; next }
    /^-(o|c|include|MF|MT)$/ { skip = 1; next }
    /^-(I|D|std|isystem)/ { print; if ($0 == "-isystem") want = 1; next }
    want { print; want = 0 }')
  # shellcheck disable=SC2086
  if ! c++ -fsyntax-only -w -I"$copy/src" -I"$copy" $flags "$copy/$file" >"$copy/log" 2>&1; then
    failed="$failed$file
"
    grep -q Negate "$copy/log" || { cat "$copy/log" >&2; exit 1; }
  fi
done
failed=$(printf '%s' "$failed" | sort)
if [ "$failed" != "$listed" ]; then
  printf 'docs/adding-an-operator.md lists:\n%s\n\nThe compiler lists:\n%s\n' "$listed" "$failed" >&2
  exit 1
fi
