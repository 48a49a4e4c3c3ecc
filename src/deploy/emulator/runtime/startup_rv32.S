/* What runs before C on a 32-bit RISC-V, and the two things that C cannot say: the trap entry and the measured call. */
    .option arch, +zicsr

    .macro function name, section
    .section \section, "ax"
    .global \name
    .type \name, @function
    .balign 4
\name:
    .endm

    function thimble_reset, .reset
    la sp, __stack_top
    la tp, __thread_data
    la t0, thimble_trap
    csrw mtvec, t0
#ifdef __riscv_flen
    li t0, 0x2000               /* mstatus.FS: the floating-point unit on */
    csrs mstatus, t0
#endif
    call thimble_start
    .size thimble_reset, . - thimble_reset

    function thimble_trap, .text.thimble_trap
    la sp, __stack_top          /* the stack may be what is broken, and nothing returns from here */
    csrr a0, mepc
    csrr a1, mcause
    csrr a2, mtval
    call bare_fault
    .size thimble_trap, . - thimble_trap

/* uint32_t thimble_call_measured(void (*run)(void *), void *arena, uint8_t *stack_limit)
   Paints the free stack, runs, and finds the lowest word that is no longer paint. */
    .equ paint, 0x5AC3A53C
    function thimble_call_measured, .text.thimble_call_measured
    addi sp, sp, -16
    sw ra, 12(sp)
    sw s0, 8(sp)
    mv s0, a2
    li t0, paint
1:  bgeu a2, sp, 2f
    sw t0, 0(a2)
    addi a2, a2, 4
    j 1b
2:  mv t1, a0
    mv a0, a1
    jalr t1
    call thimble_region_end
    li t0, paint
3:  bgeu s0, sp, 4f
    lw t1, 0(s0)
    bne t1, t0, 4f
    addi s0, s0, 4
    j 3b
4:  sub a0, sp, s0
    lw s0, 8(sp)
    lw ra, 12(sp)
    addi sp, sp, 16
    ret
    .size thimble_call_measured, . - thimble_call_measured

/* Where the counting of instructions ends; it begins at the first instruction of the network's run function. */
    function thimble_region_end, .text.thimble_region_end
    ret
    .size thimble_region_end, . - thimble_region_end
