/* Runs a generated network over every sample of a file. The same program serves the emulated targets and the
   host.

   Files, in the working folder:
     input.bin   the samples, one after another: all inputs of a sample in order
     output.bin  the outputs, in the same way
     stack.bin   one uint32 a sample: bytes of stack that the run touched
     layers.bin  with THIMBLE_TRACE: int32 node, uint32 bytes and the bytes, for each operator of each sample

   thimble_harness.h is written for the network at hand: it includes the network's header and defines
   THIMBLE_HARNESS_ARENA_BYTES, THIMBLE_HARNESS_RUN, THIMBLE_HARNESS_INPUTS, THIMBLE_HARNESS_OUTPUTS,
   thimble_harness_input() and thimble_harness_output().

   THIMBLE_ARENA_FILL, from the compiler's command line, is the byte that the arena is filled with before each
   run. It differs between this machine and the emulated ones, so that a network that reads what it never
   wrote gives different outputs here and there, and is found. */
#include <string.h>

#include "port.h"
#include "thimble_harness.h"

enum { kCanaryBytes = 64 };
static const uint8_t kCanary = 0xC5;

static struct {
  uint8_t before[kCanaryBytes];
  uint8_t arena[THIMBLE_HARNESS_ARENA_BYTES];
  uint8_t after[kCanaryBytes];
} memory __attribute__((aligned(64)));

#ifdef THIMBLE_TRACE
static intptr_t layers;

void thimble_trace(int node, const void* data, size_t bytes);
void thimble_trace(int node, const void* data, size_t bytes) {
  const uint32_t header[2] = {(uint32_t)node, (uint32_t)bytes};
  port_write(layers, header, sizeof header);
  port_write(layers, data, bytes);
}
#endif

static void check_canary(const uint8_t* canary, const char* message) {
  for (int i = 0; i < kCanaryBytes; ++i) {
    if (canary[i] != kCanary) port_fail(message);
  }
}

/* Reads one sample into the arena; returns 0 at the end of the file. */
static int read_sample(intptr_t file) {
  for (int i = 0; i < THIMBLE_HARNESS_INPUTS; ++i) {
    size_t bytes;
    void* const input = thimble_harness_input(memory.arena, i, &bytes);
    const size_t got = port_read(file, input, bytes);
    if (got == 0 && i == 0) return 0;
    if (got != bytes) port_fail("the input ends in the middle of a sample");
  }
  return 1;
}

int main(void) {
  const intptr_t input = port_open("input.bin", 0);
  const intptr_t output = port_open("output.bin", 1);
  const intptr_t stack = port_open("stack.bin", 1);
#ifdef THIMBLE_TRACE
  layers = port_open("layers.bin", 1);
#endif
  for (;;) {
    memset(memory.before, kCanary, sizeof memory.before);
    memset(memory.after, kCanary, sizeof memory.after);
    memset(memory.arena, THIMBLE_ARENA_FILL, sizeof memory.arena);
    if (!read_sample(input)) break;
    const uint32_t stack_bytes = port_call_measured(THIMBLE_HARNESS_RUN, memory.arena);
    check_canary(memory.before, "the network wrote before its arena");
    check_canary(memory.after, "the network wrote past its arena");
    for (int i = 0; i < THIMBLE_HARNESS_OUTPUTS; ++i) {
      size_t bytes;
      const void* const result = thimble_harness_output(memory.arena, i, &bytes);
      port_write(output, result, bytes);
    }
    port_write(stack, &stack_bytes, sizeof stack_bytes);
  }
  port_close(output);
  port_close(stack);
#ifdef THIMBLE_TRACE
  port_close(layers);
#endif
  return 0;
}
