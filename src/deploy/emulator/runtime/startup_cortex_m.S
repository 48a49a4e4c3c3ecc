/* What runs before C on a Cortex-M, and the two things that C cannot say: the fault entry and the measured call. Every
   instruction is one of ARMv6-M, so that it serves the smallest too. */
    .syntax unified
    .thumb

    .section .vectors, "a"
    .word __stack_top
    .word thimble_reset
    .rept 14
    .word thimble_fault_entry
    .endr

    .macro function name
    .section .text.\name, "ax"
    .global \name
    .type \name, %function
    .thumb_func
\name:
    .endm

    function thimble_reset
    ldr r0, =0xE000ED88         @ CPACR: give access to the FPU, where there is one
    ldr r1, [r0]
    movs r2, #0xF
    lsls r2, r2, #20
    orrs r1, r1, r2
    str r1, [r0]
    dsb
    isb
    bl thimble_start
    .pool
    .size thimble_reset, . - thimble_reset

    function thimble_fault_entry
    mov r0, sp
    ldr r1, =__stack_top        @ the stack may be what is broken
    subs r1, r1, #128           @ and what was pushed near its top is still to be read
    cmp r0, r1
    bhs 1f
    mov sp, r1
1:  bl thimble_fault
    .pool
    .size thimble_fault_entry, . - thimble_fault_entry

/* uint32_t thimble_call_measured(void (*run)(void *), void *arena, uint8_t *stack_limit)
   Paints the free stack, runs, and finds the lowest word that is no longer paint. The stack pointer at the call is known
   to the byte, so what this function itself uses is not part of the answer. */
    .equ paint, 0x5AC3A53C
    function thimble_call_measured
    push {r4-r6, lr}
    mov r4, sp
    mov r5, r0
    mov r6, r2
    ldr r3, =paint
1:  cmp r2, r4
    bhs 2f
    stmia r2!, {r3}
    b 1b
2:  mov r0, r1
    blx r5
    bl thimble_region_end
    ldr r3, =paint
3:  cmp r6, r4
    bhs 4f
    ldr r2, [r6]
    cmp r2, r3
    bne 4f
    adds r6, #4
    b 3b
4:  subs r0, r4, r6
    pop {r4-r6, pc}
    .pool
    .size thimble_call_measured, . - thimble_call_measured

/* Where the counting of instructions ends; it begins at the first instruction of the network's run function. */
    function thimble_region_end
    bx lr
    .size thimble_region_end, . - thimble_region_end
