# SPDX-License-Identifier: BSD-2-Clause
#
# cmake -DNM=nm -DARCHIVE=libx.a -P check_uninstrumented.cmake: fail if an object of the archive
# needs (U) or brings (D, B, ...) what only instrumentation makes. Weak references (w) are hooks.

cmake_policy(VERSION 3.25)

set(instrumentation
    "__(tsan|msan|asan|hwasan|ubsan|lsan|memprof|sanitizer|sancov|llvm|gcov|cyg|xray|start_|stop_)"
    "_?_?(mcount|fentry)"
)
list(JOIN instrumentation "|" instrumentation)

execute_process(
  COMMAND ${NM} --format=posix ${ARCHIVE}
  OUTPUT_VARIABLE symbols
  COMMAND_ERROR_IS_FATAL ANY
)
string(REPLACE "\n" ";" symbols "${symbols}")
list(FILTER symbols INCLUDE REGEX "^(${instrumentation})[^ ]* [^w]")
if(symbols)
  list(JOIN symbols "\n  " symbols)
  message(FATAL_ERROR "${ARCHIVE} is instrumented:\n  ${symbols}\n"
                      "The shim has to be compiled without the flag that does this."
  )
endif()
