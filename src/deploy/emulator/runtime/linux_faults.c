/* Says where a program under Linux faulted, as the processors without an operating system do. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "port.h"

static void report(int signal, siginfo_t* info, void* context) {
  fprintf(stderr, "thimble-fault: pc %#llx signal %d address %p\n",
          (unsigned long long)((ucontext_t*)context)->uc_mcontext.pc, signal, info->si_addr);
  _Exit(4);
}

/* The stack may be what is broken, so the report has one of its own. */
__attribute__((constructor)) static void install(void) {
  static char stack[64 * 1024];
  const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_sigaction = report, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  if (sigaltstack(&other, NULL) != 0) port_fail("no stack for signals");
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i) sigaction(signals[i], &action, NULL);
}
