/* Files, printing and the end of the program by QEMU's calls for Xtensa simulators (SIMCALL). */
#include <string.h>

#include "bare.h"
#include "port.h"

enum { kExit = 1, kRead = 3, kWrite = 4, kOpen = 5, kClose = 6 };
enum { kStandardError = 2, kReadOnly = 0, kWriteCreateTruncate = 0x241 };

int32_t thimble_simcall(int32_t operation, int32_t a, int32_t b, int32_t c);

void bare_print(const char* text) {
  thimble_simcall(kWrite, kStandardError, (int32_t)text, (int32_t)strlen(text));
}

void bare_exit(uint32_t code) {
  thimble_simcall(kExit, (int32_t)code, 0, 0);
  for (;;) {
  }
}

/* There is no memory protection. */
void bare_protect_memory(void) {}

intptr_t port_open(const char* name, int write) {
  const int32_t file = thimble_simcall(kOpen, (int32_t)name, write ? kWriteCreateTruncate : kReadOnly, 0600);
  if (file < 0) port_fail("a file of the harness cannot be opened");
  return file;
}

size_t port_read(intptr_t file, void* data, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    const int32_t got =
        thimble_simcall(kRead, (int32_t)file, (int32_t)data + (int32_t)done, (int32_t)(bytes - done));
    if (got <= 0) break;
    done += (size_t)got;
  }
  return done;
}

void port_write(intptr_t file, const void* data, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    const int32_t put =
        thimble_simcall(kWrite, (int32_t)file, (int32_t)data + (int32_t)done, (int32_t)(bytes - done));
    if (put <= 0) port_fail("a result cannot be written: is the disk full?");
    done += (size_t)put;
  }
}

void port_close(intptr_t file) {
  if (thimble_simcall(kClose, (int32_t)file, 0, 0) != 0)
    port_fail("a result cannot be written: is the disk full?");
}
