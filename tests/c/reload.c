/* SPDX-License-Identifier: BSD-2-Clause */
/* A library that is the same, byte for byte, but for the size of its function's frame. */

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

void reload_call(void (*function)(void));

__asm__(".globl reload_call\n"
        ".type reload_call, @function\n"
        "reload_call:\n"
        ".cfi_startproc\n"
        "subq $" TEXT(FRAME) ", %rsp\n"
                             ".cfi_adjust_cfa_offset " TEXT(
                                     FRAME) "\n"
                                            "call *%rdi\n"
                                            "addq $" TEXT(
                                                    FRAME) ", %rsp\n"
                                                           ".cfi_adjust_cfa_offset -" TEXT(
                                                                   FRAME) "\n"
                                                                          "ret\n"
                                                                          ".cfi_endproc\n"
                                                                          ".size reload_call, . - "
                                                                          "reload_call\n");
