/* The harness on an emulated processor without an operating system. Each processor brings the rest: its
   files, its start, and what it prints and ends with (bare.h). */
#include "bare.h"

#include "port.h"

extern uint8_t __stack_limit[], __stack_top[];
int main(void);
uint32_t thimble_call_measured(void (*run)(void*), void* arena, uint8_t* stack_limit);

void port_fail(const char* message) {
  bare_print("thimble: ");
  bare_print(message);
  bare_print("\n");
  bare_exit(3);
}

uint32_t port_call_measured(void (*run)(void*), void* arena) {
  return thimble_call_measured(run, arena, __stack_limit);
}

void thimble_start(void) {
  bare_protect_memory();
  bare_exit((uint32_t)main());
}

static void write_hexadecimal(const char* label, uint32_t value) {
  char text[12] = "0x00000000 ";
  for (int digit = 0; digit < 8; ++digit) text[9 - digit] = "0123456789abcdef"[value >> (4 * digit) & 15];
  bare_print(label);
  bare_print(text);
}

void bare_fault(uint32_t pc, uint32_t status, uint32_t address) {
  write_hexadecimal("thimble-fault: pc ", pc);
  write_hexadecimal("status ", status);
  write_hexadecimal("address ", address);
  bare_print("\n");
  bare_exit(4);
}
