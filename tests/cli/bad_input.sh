#!/bin/sh
# What a user gets wrong is one clear paragraph with the right exit code, and leaves what was there.
. "$(dirname "$0")/common.sh"

expect 1 'zoo:nothing: is not in the zoo' "$thimble" profile zoo:nothing --device nano33ble
expect 1 'nowhere.onnx: cannot be opened' "$thimble" profile nowhere.onnx --device nano33ble
expect 1 'nano33' "$thimble" profile zoo:mnist-cnn --device nano34

# A model file that is no model, that is cut short, and that is empty.
"$thimble" convert zoo:mnist-cnn -o model.onnx --quiet >/dev/null || fail "convert to onnx"
head -c 3000 model.onnx >cut.onnx
: >empty.onnx
printf 'hello' >text.tflite
expect 1 'cut.onnx' "$thimble" profile cut.onnx --device nano33ble
expect 1 'empty.onnx' "$thimble" profile empty.onnx --device nano33ble
expect 1 'text.tflite' "$thimble" profile text.tflite --device nano33ble

# Too big for the device: exit 3, and the folder is not touched.
cat >tiny.toml <<'TOML'
title = "A very small board"
core = "cortex-m4f"
clock_hz = 64000000
ram_bytes = 8192
flash_bytes = 16384
alignment_bytes = 4
flash_wait_states = 0
active_power_mw = 10.0
sleep_power_mw = 0.01

[sources]
core = "invented"
clock_hz = "invented"
ram_bytes = "invented"
flash_bytes = "invented"
alignment_bytes = "invented"
flash_wait_states = "invented"
active_power_mw = "invented"
sleep_power_mw = "invented"
TOML
expect 3 'RAM' "$thimble" deploy zoo:resnet8 --device ./tiny.toml -o deployed
[ ! -e deployed ] || fail "a model that does not fit left a folder"

# An input file that is not a whole number of samples.
head -c 100 /dev/zero >input.bin
expect 1 'A sample of this model has' "$thimble" run zoo:mnist-cnn --input input.bin --output output.bin
[ ! -e output.bin ] || fail "a failed run left an output"

# A full disk: the old output stays, nothing half is left beside it.
mkdir small
if mount -t tmpfs -o size=64k tmpfs small 2>/dev/null; then
  printf 'old' >small/model.onnx
  expect 1 'Free some space' "$thimble" convert zoo:mnist-cnn -o small/model.onnx
  [ "$(cat small/model.onnx)" = old ] || fail "a full disk damaged what was there"
  [ "$(ls -A small)" = model.onnx ] || fail "a full disk left something beside: $(ls -A small)"
  umount small
else
  echo "a tmpfs cannot be mounted here: the full disk is not tried" >&2
fi

# A user's own data that are not sound.
mkdir -p own
printf 'a,b,label\n1,2,x\n1,nan,y\n' >own/nan.csv
expect 1 'own/nan.csv:3: has "nan" in column "b"' "$thimble" data show own/nan.csv
printf '1,2,x\n1,2\n' >own/ragged.csv
expect 1 'own/ragged.csv:2: has 2 fields, the first row has 3' "$thimble" data show own/ragged.csv
mkdir -p images/train/a images/test/a
printf 'no image' >images/train/a/1.png
cp images/train/a/1.png images/test/a/2.png
expect 1 'images/train/a/1.png: is neither a PNG nor a JPEG file' "$thimble" data show images
mkdir -p arrays
printf '\223NUMPY\001\000' >arrays/x.npy
expect 1 'arrays/x.npy: is cut short within its header' "$thimble" data show arrays
expect 1 'is not known, and there is no file or folder of that name' "$thimble" data show nothing
printf '1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n' >own/small.csv
expect 0 'so 20 % of every class were drawn' "$thimble" data get own/small.csv
expect 1 'is not named *.html' "$thimble" data show own/small.csv -o sheet.png
[ ! -e sheet.png ] || fail "a drawing of the wrong kind was written"

# A seed that is none; standard error that takes nothing.
for seed in -1 010 9223372036854775808 x; do
  expect 2 'takes a whole number from 0 to' "$thimble" convert zoo:mnist-cnn --seed $seed -o seeded.onnx
done
"$thimble" check none.onnx --device nano33ble 2>/dev/full
[ $? = 1 ] || fail "an error that cannot be told ends otherwise"

# An inference that takes longer than the time until the next; a period that is none.
expect 1 'longer than the 0.1 ms between two' "$thimble" profile zoo:mnist-cnn --device nano33ble --every 0.1
expect 2 '--every' "$thimble" profile zoo:mnist-cnn --device nano33ble --every 0

# A device's file with a value left out, one in the wrong unit, one that cannot be true; a network over its RAM.
sed '/^ram_bytes = 8192/d' tiny.toml >missing.toml
expect 1 "'ram_bytes' is missing" "$thimble" profile zoo:mnist-cnn --device ./missing.toml
sed 's/^clock_hz = 64000000/clock_hz = 64/' tiny.toml >unit.toml
expect 1 "unit.toml:3: 'clock_hz'" "$thimble" profile zoo:mnist-cnn --device ./unit.toml
sed 's/^sleep_power_mw = 0.01/sleep_power_mw = 10000/' tiny.toml >absurd.toml
expect 1 "'sleep_power_mw' is not below active_power_mw" "$thimble" devices show ./absurd.toml
expect 3 'RAM' "$thimble" check zoo:resnet8 --device ./tiny.toml

# A budget that is not met, one that is none, one without its device.
expect 3 'latency is' "$thimble" deploy zoo:mnist-cnn --device nano33ble -o budget --budget latency_ms=1 --budget ram_bytes=1000
[ ! -e budget ] || fail "a model over its budget left a folder"
expect 0 'arena' "$thimble" deploy zoo:mnist-cnn --device nano33ble -o budget --budget latency_ms=1000
expect 1 "'latency_s'" "$thimble" deploy zoo:mnist-cnn --device nano33ble -o budget2 --budget latency_s=1
expect 2 'is nothing that deploy measures' "$thimble" deploy zoo:mnist-cnn --device nano33ble -o budget2 --budget accuracy=0.9

# No cross compiler and no emulator.
mkdir bin
for tool in cc gcc sh as ld; do ln -s "$(command -v $tool)" bin/ 2>/dev/null; done
expect 1 'gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf' env PATH="$folder/bin" "$thimble" profile zoo:mnist-cnn \
  --device esp32c3
expect 1 'gcc-arm-none-eabi' env PATH="$folder/bin" "$thimble" profile zoo:mnist-cnn --device nano33ble

if has_verb optimize; then
  # An output that cannot be written is known before the work.
  mkdir folder.onnx
  : >file
  for output in folder.onnx file/model.onnx; do
    expect 1 'cannot be written' "$thimble" train zoo:mnist-cnn --data nothing -o $output
  done

  # An option without the one that it belongs to.
  expect 2 'says how the network recovers' "$thimble" prune zoo:mnist-cnn --set learning_rate=1 -o pruned.onnx
  expect 2 'is of several steps' "$thimble" prune zoo:mnist-cnn --gradual -o pruned.onnx
  expect 2 'is of another width' "$thimble" redesign zoo:mnist-cnn --depth 2 --multiple 4 -o out.onnx
  expect 2 'stands between separable' "$thimble" redesign zoo:mnist-cnn --depth 2 --linear -o out.onnx
  expect 2 'is of hints' "$thimble" distill zoo:lenet --teacher zoo:lenet --data mnist --hint-weight 2 -o out.onnx
  expect 1 'bogus' "$thimble" redesign zoo:mnist-cnn --depth 2 --device bogus -o out.onnx
  expect 1 'cannot be written' "$thimble" train zoo:mnist-cnn --data nothing --metrics "$source/README.md/metrics" -o out.onnx
  # TensorFlow Lite has no batch norm: networks that learn are written as they will run.
  expect 0 'tiny.tflite' "$thimble" prune zoo:mnist-cnn -o tiny.tflite
  expect 0 '' "$thimble" check tiny.tflite --device nano33ble
  rm -f tiny.tflite
  expect 2 'needs --data: a step' "$thimble" prune zoo:mnist-cnn --steps 3 -o pruned.onnx
  expect 2 'no device to count them on' "$thimble" quantize zoo:mnist-cnn --data mnist --bits mixed --set cycles=1000 -o mixed.onnx
  expect 1 'is of another calibration' "$thimble" quantize zoo:mnist-cnn --data mnist --set percentile=99 -o int8.onnx
  expect 2 'would be a page' "$thimble" report runs/none -o table.csv

  printf 'name = "x"\nmodel = "zoo:mnist-cnn"\ndata = "mnist"\ndevice = "nano33ble"\nepoch = 3\n[[stage]]\ndo = "train"\n' >r.toml
  expect 1 "r.toml:5: 'epoch' is not known here" "$thimble" optimize r.toml -o run
  sed 's/epoch = 3/held_out = true/' r.toml >s.toml
  expect 1 'has held_out = true' "$thimble" train --recipe s.toml -o out.onnx
  sed 's/epoch = 3//; s/"train"/"prain"/' r.toml >s.toml
  expect 1 'prain' "$thimble" optimize s.toml -o run
  [ ! -e run ] || fail "a recipe that cannot be read left a folder"

  expect 2 'and none is named' "$thimble" prune zoo:mnist-cnn -o out.onnx --budget latency_ms=1
  expect 3 'latency is' "$thimble" prune zoo:mnist-cnn -o out.onnx --device nano33ble --budget latency_ms=0.5
  [ -e out.onnx ] || fail "a pruned model that misses its budget was not kept"
  rm -f out.onnx

  # Pruning to nothing, further than can be, by what nobody named; a teacher with other classes.
  expect 2 'would empty the network' "$thimble" prune zoo:mnist-cnn --keep 0 -o out.onnx
  expect 3 'cut as far as it can be' "$thimble" prune zoo:mnist-cnn --keep 0.001 -o out.onnx
  expect 2 'Name a data set' "$thimble" prune zoo:mnist-cnn --of cycles -o out.onnx
  expect 2 'zeros among the weights save none' "$thimble" prune zoo:mnist-cnn --granularity weight --of cycles -o out.onnx
  expect 2 'changes nothing' "$thimble" redesign zoo:mnist-cnn -o out.onnx
  expect 1 'is not in the network' "$thimble" redesign zoo:mnist-cnn --separable --layer none -o out.onnx
  for stage in 'do = "prune"\nkeep = 0' 'do = "distill"' 'do = "distill"\nteachers = [{model = "none.onnx"}]'; do
    printf "name = \"x\"\nmodel = \"zoo:mnist-cnn\"\ndata = \"mnist\"\ndevice = \"nano33ble\"\n[[stage]]\n$stage\n" >t.toml
    case $stage in
      *none.onnx*) said=none.onnx ;;
      *keep*) said="'keep'" ;;
      *) said="'teachers' is missing" ;;
    esac
    expect 1 "$said" "$thimble" optimize t.toml -o run
    [ ! -e run ] || fail "a recipe that cannot be carried out left a folder: $stage"
  done

  # A board that no emulator has: what would be verified there is said at once, what would be counted is not known.
  sed 's/^title/emulated_board = "microbit"\n&/; s/^flash_bytes = 16384/flash_bytes = 1000000/; s/^ram_bytes = 8192/ram_bytes = 262144/
    s/^\[sources\]/&\nemulated_board = "invented"/' tiny.toml >board.toml
  printf 'name = "x"\nmodel = "zoo:ds-cnn,input=1x1x2,classes=2"\ndata = "pairs.csv"\ndevice = "./board.toml"\n' >u.toml
  printf '1,%d,x\n2,%d,y\n' 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 >pairs.csv
  printf '[[stage]]\ndo = "%s"\n' deploy profile >>u.toml
  expect 0 'latency not known' "$thimble" optimize u.toml -o unknown
  printf '[budget]\nram_bytes = 100000\n' >>u.toml
  sed 's/ram_bytes = 100000/accuracy = 0.5/' u.toml >v.toml
  expect 3 'accuracy is not measured (the recipe has no stage' "$thimble" optimize v.toml -o unknown4
  expect 3 'RAM is not measured (there is no emulated board microbit' "$thimble" optimize u.toml -o unknown2
  sed -i 's/"profile"/"verify"/' u.toml
  expect 1 'there is no emulated board microbit' "$thimble" optimize u.toml -o unknown3
  [ ! -e unknown3 ] || fail "a recipe that cannot be verified left a folder"

  # A data set that is damaged, in a folder that THIMBLE_DATA names: said, not passed over.
  mkdir -p data/mnist
  printf 'not gzip' >data/mnist/train-images-idx3-ubyte.gz
  expect 1 'train-images-idx3-ubyte' env THIMBLE_DATA="$folder/data" "$thimble" train zoo:mnist-cnn --data mnist -o out.onnx
  [ ! -e out.onnx ] || fail "a training without data left a model"
fi
finish
