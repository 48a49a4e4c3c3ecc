/* What the harness needs of the machine it runs on: files, an end, and a measured call. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Opens a file of the working folder, to read or to write it from its beginning. Ends the program when it
 * cannot. */
intptr_t port_open(const char* name, int write);

/* Reads up to `bytes`, less only at the end of the file; returns how many. */
size_t port_read(intptr_t file, void* data, size_t bytes);

/* Writes all of `bytes` or ends the program. */
void port_write(intptr_t file, const void* data, size_t bytes);

/* Writes out what is buffered, or ends the program. */
void port_close(intptr_t file);

/* Prints "thimble: MESSAGE" and ends the program with an exit code that is not zero. */
void port_fail(const char* message);

/* Calls run(arena). Returns the bytes of stack that the call touched, callees included, where the port can
 * tell, else 0. */
uint32_t port_call_measured(void (*run)(void*), void* arena);
