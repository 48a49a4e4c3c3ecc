/* What runs before C on an Xtensa without register windows, its exceptions, and what C cannot say: the measured call and
   QEMU's system calls. */
    .macro function name, section
    .section \section, "ax"
    .global \name
    .type \name, @function
    .balign 4
\name:
    .endm

    .section .reset, "ax"
    .global thimble_reset
    j 1f
    .balign 4
    .literal_position
1:
thimble_reset:
    movi a0, 0
    wsr a0, ps                  /* PS.EXCM is set at reset */
    rsync
    movi a0, __vectors
    wsr a0, vecbase
    rsync
    movi a1, __stack_top
    call0 thimble_start

/* All exceptions and interrupts, at their offsets in a de212. */
    .section .vectors, "ax"
    .global __vectors
__vectors:
    .rept 64
    .balign 16
    j thimble_exception
    .endr
    .balign 4
    .literal_position
thimble_exception:
    movi a0, 0
    wsr a0, ps
    rsync
    movi a1, __stack_top        /* the stack may be what is broken, and nothing returns from here */
    rsr a2, epc1
    rsr a3, exccause
    rsr a4, excvaddr
    movi a0, bare_fault
    callx0 a0

/* int32_t thimble_simcall(int32_t operation, int32_t a, int32_t b, int32_t c): arguments are where QEMU wants them. */
    function thimble_simcall, .text.thimble_simcall
    simcall
    ret
    .size thimble_simcall, . - thimble_simcall

/* uint32_t thimble_call_measured(void (*run)(void *), void *arena, uint8_t *stack_limit)
   Paints the free stack, runs, and finds the lowest word that is no longer paint. */
    .equ paint, 0x5AC3A53C
    function thimble_call_measured, .text.thimble_call_measured
    addi a1, a1, -16
    s32i a0, a1, 0
    s32i a12, a1, 4
    mov a12, a4
    movi a5, paint
1:  bgeu a4, a1, 2f
    s32i a5, a4, 0
    addi a4, a4, 4
    j 1b
2:  mov a6, a2
    mov a2, a3
    callx0 a6
    call0 thimble_region_end
    movi a5, paint
3:  bgeu a12, a1, 4f
    l32i a6, a12, 0
    bne a6, a5, 4f
    addi a12, a12, 4
    j 3b
4:  sub a2, a1, a12
    l32i a12, a1, 4
    l32i a0, a1, 0
    addi a1, a1, 16
    ret
    .size thimble_call_measured, . - thimble_call_measured

/* Where the counting of instructions ends; it begins at the first instruction of the network's run function. */
    function thimble_region_end, .text.thimble_region_end
    ret
    .size thimble_region_end, . - thimble_region_end
