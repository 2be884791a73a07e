# SPDX-License-Identifier: BSD-2-Clause
#
# The shim's own coverage, to test the shim, never for users: the shim is compiled with clang's
# counters, and an uninstrumented copy of it, the collector, writes them.

set(RSH_COLLECTOR_DIR ${CMAKE_CURRENT_LIST_DIR})
set(RSH_COUNTED_DIR ${PROJECT_BINARY_DIR}/counted CACHE PATH "Where coverage of the shim is left")

# rsh_count(<target>): count what runs of it, in sections that no program's own coverage has.
function(rsh_count target)
  target_compile_options(
    ${target} PRIVATE -fprofile-instr-generate -fcoverage-mapping -fprofile-update=atomic
                      -include ${RSH_COLLECTOR_DIR}/counted.h
  )
  rsh_rename_sections(${target})
endfunction()

# rsh_rename_sections(<target>): coverage that is compiled into it, or found by it, is the shim's.
function(rsh_rename_sections target)
  set_target_properties(
    ${target} PROPERTIES C_COMPILER_LAUNCHER "${RSH_COLLECTOR_DIR}/compile;${CMAKE_OBJCOPY}"
  )
endfunction()

# rsh_count_ends(): in this directory, what the shim does first or last in a process goes through the
# collector, so that it is counted.
function(rsh_count_ends)
  foreach(
    pair "cover/end.c __cxa_atexit=rsh_cover_own_atexit"
         "cover/end_sig.c rsh_cover_unit_finish=rsh_cover_own_tested_finish rsh_cover_unit_exec=rsh_cover_own_tested_exec"
         "core/deadly_sig.c rshi_tgkill_sig=rsh_cover_own_tgkill"
  )
    separate_arguments(pair)
    list(POP_FRONT pair source)
    set_source_files_properties(src/${source} PROPERTIES COMPILE_DEFINITIONS "${pair}")
  endforeach()
endfunction()
