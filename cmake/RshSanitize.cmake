# SPDX-License-Identifier: BSD-2-Clause
#
# Sanitizers and warnings of the project's own programs. The shim is never sanitized.

set(RSH_SANITIZE "" CACHE STRING "Sanitizer of the tests: thread, address, memory, undefined")
set_property(CACHE RSH_SANITIZE PROPERTY STRINGS "" thread address memory undefined address,undefined)

# rsh_sanitize(<target>): compile and link a program under the sanitizer that RSH_SANITIZE names.
function(rsh_sanitize target)
  if(NOT RSH_SANITIZE)
    return()
  endif()
  target_compile_options(${target} PRIVATE -fsanitize=${RSH_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(${target} PRIVATE -fsanitize=${RSH_SANITIZE})
  if(RSH_SANITIZE MATCHES undefined)
    target_compile_options(${target} PRIVATE -fno-sanitize-recover=undefined)
  endif()
endfunction()

# rsh_warn(<target>): the warnings that the project is free of.
function(rsh_warn target)
  target_compile_options(
    ${target} PRIVATE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
                      $<$<BOOL:${RSH_WERROR}>:-Werror>
  )
endfunction()
