/* What port_bare.c and the files of a processor know of each other. */
#pragma once

#include <stdint.h>

/* From the processor: prints on QEMU's standard output or error; ends QEMU with an exit code. */
void bare_print(const char* text);
void bare_exit(uint32_t code);

/* From the processor: makes stray writes fault as far as it can. */
void bare_protect_memory(void);

/* Called by the processor's start-up once there is a stack. */
void thimble_start(void);

/* Called when an exception was raised: prints where, what and at which address, for people and for the
 * runner, and ends with exit code 4. */
void bare_fault(uint32_t pc, uint32_t status, uint32_t address);
