/* The harness on a machine with a C library that has files. */
#include <stdio.h>
#include <stdlib.h>

#include "port.h"

intptr_t port_open(const char* name, int write) {
  FILE* const file = fopen(name, write ? "wb" : "rb");
  if (file == NULL) port_fail("a file of the harness cannot be opened");
  return (intptr_t)file;
}

size_t port_read(intptr_t file, void* data, size_t bytes) { return fread(data, 1, bytes, (FILE*)file); }

void port_write(intptr_t file, const void* data, size_t bytes) {
  if (fwrite(data, 1, bytes, (FILE*)file) != bytes)
    port_fail("a result cannot be written: is the disk full?");
}

void port_close(intptr_t file) {
  if (fclose((FILE*)file) != 0) port_fail("a result cannot be written: is the disk full?");
}

void port_fail(const char* message) {
  fprintf(stderr, "thimble: %s\n", message);
  exit(3);
}
