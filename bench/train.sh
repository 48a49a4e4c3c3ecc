#!/bin/sh
# Images/s of our trainer over those of a PyTorch loop: the same network, batch, threads and kind of data, in
# turns. The loop is bench/train_pytorch.py, in Debian's Python PyTorch.
#
# usage: bench/train.sh [ROUNDS [IMAGES]]        5 rounds of 4096 images
#
# Prints a line for each network and number of threads: the median ratio, its lowest and highest, by time on the
# clock and by time on the processor. The second is the one to read where other programs use the machine.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-5}
images=${2:-4096}
program=build/release/bench_train
python=${PYTHON:-/usr/bin/python3}
[ -x "$program" ] || {
  echo "$program is not there. Run: cmake --preset release && cmake --build --preset release" >&2
  exit 1
}
"$python" -c 'import torch' 2>/dev/null || {
  echo "$python has no torch. Run: apt-get install python3-torch" >&2
  exit 1
}

printf '%-9s %7s   %-24s %-24s %s\n' network threads 'ratio (clock)' 'ratio (processor)' 'images/s, ours : PyTorch'
for network in resnet8 ds-cnn; do
  for threads in 1 2; do
    round=0
    while [ "$round" -lt "$rounds" ]; do
      ours=$("$program" "$network" "$threads" "$images")
      theirs=$(OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads \
        "$python" bench/train_pytorch.py "$network" "$threads" "$images")
      echo "$ours $theirs"
      round=$((round + 1))
    done | awk -v network="$network" -v threads="$threads" '
      function sorted(values, n,    i, j, swap) {
        for (i = 1; i <= n; i++)
          for (j = i + 1; j <= n; j++)
            if (values[j] < values[i]) { swap = values[i]; values[i] = values[j]; values[j] = swap }
      }
      function median(values, n) { return (values[int((n + 1) / 2)] + values[int(n / 2) + 1]) / 2 }
      { clock[NR] = $1 / $3; processor[NR] = $2 / $4; ours[NR] = $1; theirs[NR] = $3 }
      END {
        sorted(clock, NR); sorted(processor, NR); sorted(ours, NR); sorted(theirs, NR)
        printf "%-9s %7d   %.2f (%.2f to %.2f)      %.2f (%.2f to %.2f)      %.0f : %.0f\n", network, threads,
          median(clock, NR), clock[1], clock[NR], median(processor, NR), processor[1], processor[NR],
          median(ours, NR), median(theirs, NR)
      }'
  done
done
