/* A call without a measure, where the stack is not to be measured. */
#include "port.h"

uint32_t port_call_measured(void (*run)(void*), void* arena) {
  run(arena);
  return 0;
}
