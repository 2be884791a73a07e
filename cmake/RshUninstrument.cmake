# SPDX-License-Identifier: BSD-2-Clause
#
# Compile code without any instrumentation, whatever flags the user's project has.
#
# Three lines of defence: flags whose opposite does not take all of them back are dropped from what
# the directory inherited; the opposite of every other one is appended; and the finished archive is
# looked into.

include(CheckCCompilerFlag)

set(RSH_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

# Calls at every function's entry have no opposite in clang; after the opposite of a profile's flag
# clang leaves the code alone, but still links the profile's runtime.
set(RSH_IRREVOCABLE_FLAGS
    --?coverage -p -pg -mfentry -mrecord-mcount -mnop-mcount "-finstrument-functions[^ ;]*"
    "-f(cs-)?profile-generate[^ ;]*" "-fprofile-(arcs|instr-generate)[^ ;]*" -fcoverage-mapping
)
list(JOIN RSH_IRREVOCABLE_FLAGS "|" RSH_IRREVOCABLE_FLAGS)

# rsh_drop_instrumentation_flags(): take those flags out of this directory's flags.
function(rsh_drop_instrumentation_flags)
  string(TOUPPER "${CMAKE_BUILD_TYPE};${CMAKE_CONFIGURATION_TYPES}" configs)
  foreach(config "" ${configs})
    foreach(variable CMAKE_C_FLAGS CMAKE_SHARED_LINKER_FLAGS)
      string(JOIN "_" variable ${variable} ${config})
      # Twice, for a match takes the blank that the next flag would begin with.
      foreach(pass 1 2)
        string(REGEX REPLACE "(^| )(${RSH_IRREVOCABLE_FLAGS})( |$)" " " ${variable} "${${variable}}")
      endforeach()
      set(${variable} "${${variable}}" PARENT_SCOPE)
    endforeach()
  endforeach()
  foreach(property COMPILE_OPTIONS LINK_OPTIONS)
    get_directory_property(options ${property})
    list(FILTER options EXCLUDE REGEX "^(${RSH_IRREVOCABLE_FLAGS})$")
    set_directory_properties(PROPERTIES ${property} "${options}")
  endforeach()
endfunction()

set(RSH_UNINSTRUMENTED_FLAGS
    -fno-sanitize=all
    -fno-profile-generate
    -fno-test-coverage
    -fpatchable-function-entry=0
    # Not instrumentation, but calls of libc's from where none may be.
    -fno-stack-protector
    -U_FORTIFY_SOURCE
    # Machine code in the objects, so that what is checked is what is linked.
    -fno-lto
    # Stacks that every detector's unwinder gets through.
    -fno-omit-frame-pointer
    -fasynchronous-unwind-tables
)

# The same, but not every supported compiler knows them.
set(RSH_UNINSTRUMENTED_FLAGS_IF_KNOWN
    -fno-sanitize-coverage=trace-pc,trace-cmp
    -fno-sanitize-coverage=func,bb,edge,indirect-calls,trace-bb,trace-div,trace-gep,8bit-counters,trace-pc-guard,inline-8bit-counters,inline-bool-flag,pc-table,stack-depth
    -fno-sanitize-coverage=trace-loads,trace-stores,control-flow
    -fno-coverage-mcdc
    -fno-memory-profile
    -fno-pseudo-probe-for-profiling
    -fno-xray-instrument
    -ftrivial-auto-var-init=uninitialized
)

# rsh_uninstrument(<target>): no instrumentation in what is compiled and linked for it.
function(rsh_uninstrument target)
  # Whether the compiler knows a flag has nothing to do with the user's flags, nor with linking.
  set(CMAKE_C_FLAGS "")
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
  set(flags ${RSH_UNINSTRUMENTED_FLAGS})
  foreach(flag ${RSH_UNINSTRUMENTED_FLAGS_IF_KNOWN})
    string(MAKE_C_IDENTIFIER "RSH_HAS${flag}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
      list(APPEND flags ${flag})
    endif()
  endforeach()
  target_compile_options(${target} PRIVATE ${flags})
  target_link_options(${target} PRIVATE ${flags})
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
