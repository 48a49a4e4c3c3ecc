/* What C cannot say on AArch64 under an operating system: the measured call. */
    .macro function name
    .section .text.\name, "ax"
    .global \name
    .type \name, %function
\name:
    .endm

/* uint32_t port_call_measured(void (*run)(void *), void *arena)
   Paints 256 KB of the free stack, runs, and finds the lowest word that is no longer paint. Like the paint itself, it is
   no part of what is counted: thimble_call_measured is the name that the counting knows. */
    .equ stack, 256 * 1024
    .equ paint, 0x5AC3A53C
    .global port_call_measured
    function thimble_call_measured
port_call_measured:
    stp x29, x30, [sp, #-32]!
    stp x19, x20, [sp, #16]
    mov x29, sp
    mov x19, #stack
    sub x19, sp, x19
    mov w20, #(paint & 0xFFFF)
    movk w20, #(paint >> 16), lsl #16
    mov x3, x19
1:  cmp x3, x29
    b.hs 2f
    str w20, [x3], #4
    b 1b
2:  mov x3, x0
    mov x0, x1
    blr x3
    bl thimble_region_end
3:  cmp x19, x29
    b.hs 4f
    ldr w3, [x19]
    cmp w3, w20
    b.ne 4f
    add x19, x19, #4
    b 3b
4:  sub x0, x29, x19
    ldp x19, x20, [sp, #16]
    ldp x29, x30, [sp], #32
    ret
    .size thimble_call_measured, . - thimble_call_measured

/* Where the counting of instructions ends; it begins at the first instruction of the network's run function. */
    function thimble_region_end
    ret
    .size thimble_region_end, . - thimble_region_end
    .section .note.GNU-stack, "", %progbits
