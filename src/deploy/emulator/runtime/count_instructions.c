/* SPDX-License-Identifier: MIT
   Copyright (c) 2026 The Thimble authors

   Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
   associated documentation files (the "Software"), to deal in the Software without restriction, including
   without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
   copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the
   following conditions:

   The above copyright notice and this permission notice shall be included in all copies or substantial
   portions of the Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
   LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO
   EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER
   IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE
   USE OR OTHER DEALINGS IN THE SOFTWARE. */

/* A TCG plugin for QEMU (plugin API version 1): exact executions of every instruction, and how often it
   branched.

     -plugin count_instructions.so,out=FILE,begin=ADDRESS,end=ADDRESS,cut=ADDRESS,cut=ADDRESS,...

   Code from `begin` up to `end` is counted. Whenever execution enters a `cut`, what was counted since the cut
   before it is written and forgotten: "from ADDRESS to ADDRESS" with the cut before (0 at first) and the one
   that is entered, then "ADDRESS EXECUTIONS TAKEN" a line for each instruction that was executed. Addresses
   are hexadecimal. A cut must be entered by a branch, as a function is. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of QEMU's plugin interface that is used here, declared from its documentation. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb* tb, void (*callback)(unsigned int, void*),
                                          enum qemu_plugin_cb_flags flags, void* data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn* instruction, enum qemu_plugin_op op,
                                                void* counter, uint64_t amount);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* tb);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn* instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn* instruction);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

enum { kMaximumCuts = 4096 };

/* A translated block: straight code that is entered at its start and left at its end. */
struct block {
  uint64_t start, end, last;
  bool is_cut;
};

static FILE* out;
static uint64_t begin_address, end_address;
static uint64_t cuts[kMaximumCuts];
static size_t cut_count;
static uint64_t *executions, *taken; /* one slot for each address: instructions may begin anywhere */
static uint64_t current_cut;
static const struct block* previous;

static void write_and_forget(uint64_t next_cut) {
  fprintf(out, "from %" PRIx64 " to %" PRIx64 "\n", current_cut, next_cut);
  for (uint64_t slot = 0; slot < end_address - begin_address; ++slot) {
    if (executions[slot] == 0) continue;
    fprintf(out, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", begin_address + slot, executions[slot],
            taken[slot]);
    executions[slot] = taken[slot] = 0;
  }
  fflush(out); /* the user-mode emulator ends without closing its files */
  current_cut = next_cut;
}

static bool is_counted(uint64_t address) { return begin_address <= address && address < end_address; }

static void on_block(unsigned int cpu, void* data) {
  (void)cpu;
  const struct block* const block = data;
  if (previous != NULL && previous->end != block->start && is_counted(previous->last)) {
    ++taken[previous->last - begin_address];
  }
  previous = block;
  if (block->is_cut) write_and_forget(block->start);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
  (void)id;
  const size_t count = qemu_plugin_tb_n_insns(tb);
  struct block* const block = calloc(1, sizeof *block); /* lives as long as QEMU may run the translation */
  if (block == NULL) abort();
  block->start = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
  for (size_t i = 0; i < cut_count; ++i) block->is_cut |= cuts[i] == block->start;
  for (size_t i = 0; i < count; ++i) {
    struct qemu_plugin_insn* const instruction = qemu_plugin_tb_get_insn(tb, i);
    block->last = qemu_plugin_insn_vaddr(instruction);
    block->end = block->last + qemu_plugin_insn_size(instruction);
    if (is_counted(block->last)) {
      qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64,
                                                 &executions[block->last - begin_address], 1);
    }
  }
  qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t* info, int argc, char** argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    const char* const value = strchr(argv[i], '=');
    if (value == NULL) return -1;
    if (strncmp(argv[i], "out=", 4) == 0) out = fopen(value + 1, "w");
    if (strncmp(argv[i], "begin=", 6) == 0) begin_address = strtoull(value + 1, NULL, 0);
    if (strncmp(argv[i], "end=", 4) == 0) end_address = strtoull(value + 1, NULL, 0);
    if (strncmp(argv[i], "cut=", 4) == 0) {
      if (cut_count == kMaximumCuts) return -1;
      cuts[cut_count++] = strtoull(value + 1, NULL, 0);
    }
  }
  if (out == NULL || end_address <= begin_address) return -1;
  executions = calloc(end_address - begin_address, sizeof *executions);
  taken = calloc(end_address - begin_address, sizeof *taken);
  if (executions == NULL || taken == NULL) return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  return 0;
}
