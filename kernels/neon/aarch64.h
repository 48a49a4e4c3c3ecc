/* What each kernel of this folder needs. */
#ifndef THIMBLE_NEON_AARCH64_H
#define THIMBLE_NEON_AARCH64_H

#ifndef __aarch64__
#error "Written for AArch64: compile on it (64-bit Raspberry Pi OS) or with aarch64-linux-gnu-gcc"
#endif
#include <arm_neon.h>

#endif
