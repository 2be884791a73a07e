# SPDX-License-Identifier: BSD-2-Clause
#
# Compile code without any instrumentation, whatever flags the user's project has.
#
# Three lines of defence: flags that have no opposite are taken out of what the directory
# inherited; the opposite of every other one is appended; and the finished archive is looked into.

include(CheckCCompilerFlag)

set(RSH_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

# Calls at every function's entry, and profiles of a second kind: neither clang nor gcc has a flag
# that takes back all of them.
set(RSH_IRREVOCABLE_FLAGS
    "-p|-pg|-mfentry|-mrecord-mcount|-mnop-mcount|-finstrument-functions[^ ;]*|-fcs-profile-generate[^ ;]*"
)

# rsh_drop_instrumentation_flags(): take those flags out of this directory's flags.
function(rsh_drop_instrumentation_flags)
  string(TOUPPER "${CMAKE_BUILD_TYPE};${CMAKE_CONFIGURATION_TYPES}" configs)
  foreach(config "" ${configs})
    string(JOIN "_" variable CMAKE_C_FLAGS ${config})
    string(REGEX REPLACE "(^| )(${RSH_IRREVOCABLE_FLAGS})( |$)" " " flags "${${variable}}")
    set(${variable} "${flags}" PARENT_SCOPE)
  endforeach()
  get_directory_property(options COMPILE_OPTIONS)
  list(FILTER options EXCLUDE REGEX "^(${RSH_IRREVOCABLE_FLAGS})$")
  set_directory_properties(PROPERTIES COMPILE_OPTIONS "${options}")
endfunction()

set(RSH_UNINSTRUMENTED_FLAGS
    -fno-sanitize=all
    # Each compiler knows its own kinds of sanitizer coverage.
    -fno-sanitize-coverage=trace-pc,trace-cmp
    -fno-sanitize-coverage=func,bb,edge,indirect-calls,trace-bb,trace-div,trace-gep,8bit-counters,trace-pc-guard,inline-8bit-counters,inline-bool-flag,pc-table,stack-depth
    -fno-sanitize-coverage=trace-loads,trace-stores,control-flow
    -fno-profile-arcs
    -fno-test-coverage
    -fno-profile-generate
    -fno-profile-instr-generate
    -fno-coverage-mapping
    -fno-coverage-mcdc
    -fno-memory-profile
    -fno-instrument-functions
    -fno-xray-instrument
    -fno-pseudo-probe-for-profiling
    -fpatchable-function-entry=0
    # Not instrumentation, but calls of libc's from where none may be.
    -fno-stack-protector
    -ftrivial-auto-var-init=uninitialized
    -U_FORTIFY_SOURCE
    # Machine code in the objects, so that what is checked is what is linked.
    -fno-lto
    # Stacks that every detector's unwinder gets through.
    -fno-omit-frame-pointer
    -fasynchronous-unwind-tables
)

# rsh_uninstrument(<target>): no instrumentation, and stacks as detectors want them.
function(rsh_uninstrument target)
  foreach(flag ${RSH_UNINSTRUMENTED_FLAGS})
    string(MAKE_C_IDENTIFIER "RSH_HAS${flag}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
      target_compile_options(${target} PRIVATE ${flag})
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
endfunction()

# rsh_check_uninstrumented(<static library>): the build fails if instrumentation got in after all.
function(rsh_check_uninstrumented target)
  add_custom_command(
    TARGET ${target}
    POST_BUILD
    COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DARCHIVE=$<TARGET_FILE:${target}> -P
            ${RSH_CMAKE_DIR}/check_uninstrumented.cmake
    VERBATIM
  )
endfunction()
