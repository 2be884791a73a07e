# SPDX-License-Identifier: BSD-2-Clause
#
# raceshim_cover(<target> MODE set|count|atomic|edges|edge-counts): count what runs of a target.
#
# Its sources are compiled with the compiler's coverage; an executable, shared library or module also
# gets the registrar, which tells libraceshim where the counters are, compiled by the project's own
# compiler, and libraceshim itself. The flags are those of `raceshim cc --cover=MODE`, and so are the
# errors; whether ThreadSanitizer is on is read off the flags, so name it before the call.

# All compiler flags that the target has so far, and the linker's, in one string.
function(_raceshim_cover_flags_of target result)
  get_target_property(options ${target} COMPILE_OPTIONS)
  get_target_property(link_options ${target} LINK_OPTIONS)
  get_directory_property(directory_options COMPILE_OPTIONS)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
  string(JOIN " " flags " ${CMAKE_C_FLAGS}" "${CMAKE_CXX_FLAGS}" "${CMAKE_C_FLAGS_${config}}"
         "${CMAKE_CXX_FLAGS_${config}}" ${directory_options} ${options} ${link_options} " "
  )
  string(REPLACE "SHELL:" "" flags "${flags}")
  set(${result} "${flags}" PARENT_SCOPE)
endfunction()

# Stop if the flags have one that contradicts the mode.
function(_raceshim_cover_check flags mode thread)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    set(others "-fprofile-generate[^ ]*")
  else()
    set(others "-f(cs-)?profile-generate[^ ]*" "--?coverage" "-fprofile-arcs" "-ftest-coverage"
               "-fprofile-instr-generate=[^ ]*" "-fprofile-continuous"
    )
  endif()
  if(mode MATCHES "^edge")
    set(others "-fsanitize-coverage=[^ ]*" "-fsanitize=[^ ]*fuzzer[^ ]*")
  endif()
  list(JOIN others "|" others)
  if(flags MATCHES " (${others}) ")
    message(FATAL_ERROR "raceshim_cover MODE ${mode} contradicts ${CMAKE_MATCH_1}: a program has one "
                        "coverage. Leave out one"
    )
  endif()
  if(flags MATCHES " -fprofile-update=([^ ]*) ")
    message(FATAL_ERROR "raceshim_cover MODE ${mode} contradicts -fprofile-update=${CMAKE_MATCH_1}: "
                        "the mode says how counters are updated. Leave it out"
    )
  endif()
  if(thread AND flags MATCHES " -fcoverage-mcdc ")
    message(
      FATAL_ERROR
        "-fcoverage-mcdc cannot be had under ThreadSanitizer: clang tests and sets the bits of MC/DC "
        "without atomics, which is a race, and reported as one. Measure MC/DC in a build without "
        "ThreadSanitizer"
    )
  endif()
  if(flags MATCHES " -enable-single-byte-coverage(=true|=1)? ")
    if(thread)
      message(FATAL_ERROR "single-byte counters cannot be had under ThreadSanitizer: clang merges "
                          "their stores into ones that it reports as races"
      )
    elseif(NOT mode STREQUAL "set")
      message(FATAL_ERROR "raceshim_cover MODE ${mode} contradicts -enable-single-byte-coverage: a "
                          "byte says only whether. Take MODE set"
      )
    endif()
  endif()
endfunction()

# What the compiler and the linker get, and what the registrar is told.
function(_raceshim_cover_clang mode thread)
  set(engine 1)
  if(mode MATCHES "^edge")
    set(how inline-bool-flag)
    set(engine 2)
    # Before clang 16 ThreadSanitizer does not leave the flags alone.
    if(mode STREQUAL "edge-counts" OR (thread AND CMAKE_C_COMPILER_VERSION VERSION_LESS 16))
      set(how trace-pc-guard)
      set(guards RSH_COVER_GUARDS=1)
    endif()
    if(mode STREQUAL "edge-counts")
      set(engine 3)
    endif()
    set(compile -fsanitize-coverage=bb,${how},pc-table,no-prune)
    # Since clang 16 the program tells the reader what blocks without a counter follow from.
    if(mode STREQUAL "edge-counts" AND CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 16)
      set(compile -fsanitize-coverage=edge,trace-pc-guard,pc-table,control-flow)
    endif()
    set(source cover_registrar_edges.c)
    set(plain -O2 -momit-leaf-frame-pointer) # what it calls at each edge is to be short
  else()
    set(source cover_registrar.c)
    set(update single)
    if(mode STREQUAL "atomic")
      set(update atomic)
    endif()
    set(compile -fprofile-instr-generate -fcoverage-mapping -fprofile-update=${update})
    # Merged increments of clang 14 to 20 are seen by ThreadSanitizer.
    if(thread AND update STREQUAL "single" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 21)
      list(APPEND compile "SHELL:-mllvm -sink-common-insts=false")
    endif()
  endif()
  set(compile "${compile}" PARENT_SCOPE)
  set(link -noprofilelib PARENT_SCOPE)
  set(definitions RSH_COVER_ENGINE=${engine} ${guards} PARENT_SCOPE)
  set(source ${source} PARENT_SCOPE)
  set(plain ${plain} -fno-profile-instr-generate -fno-coverage-mapping PARENT_SCOPE)
endfunction()

function(_raceshim_cover_gcc mode thread)
  if(mode MATCHES "^edge")
    message(FATAL_ERROR "gcc has no engine for MODE ${mode}: SanitizerCoverage with its table of "
                        "addresses is clang's. With gcc take MODE count or atomic"
    )
  elseif(mode STREQUAL "set")
    message(FATAL_ERROR "gcc counts always: with gcc take MODE count or atomic")
  elseif(CMAKE_C_COMPILER_VERSION VERSION_LESS 12)
    message(FATAL_ERROR "raceshim_cover needs gcc 12 or newer: older ones hand out no .gcda")
  endif()
  set(update single)
  if(mode STREQUAL "atomic" OR thread)
    set(update atomic)
  endif()
  set(compile -fprofile-arcs -ftest-coverage -fprofile-info-section=rsh_gcov_info
              -fprofile-update=${update} PARENT_SCOPE
  )
  set(link --coverage PARENT_SCOPE)
  set(definitions RSH_COVER_ENGINE=5 PARENT_SCOPE)
  set(source cover_registrar_gcc.c PARENT_SCOPE)
  set(plain -fno-profile-arcs -fno-test-coverage PARENT_SCOPE)
endfunction()

function(raceshim_cover target)
  # The modes, and their numbers in the coverage files.
  set(modes set count atomic edges edge-counts)
  set(numbers 1 2 3 1 3)
  # What ends a program without its exit handlers: the registrar's functions write first.
  set(wrapped _exit _Exit execl execle execlp execv execve execveat execvp execvpe fexecve)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "MODE" "")
  if(NOT TARGET ${target} OR arg_UNPARSED_ARGUMENTS OR NOT arg_MODE IN_LIST modes)
    list(JOIN modes "|" modes)
    message(FATAL_ERROR "usage: raceshim_cover(<target> MODE ${modes}), not "
                        "raceshim_cover(${target} ${ARGN})"
    )
  endif()
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang|GNU")
    message(FATAL_ERROR "raceshim_cover needs the language C in the project, compiled by clang or gcc")
  endif()

  _raceshim_cover_flags_of(${target} flags)
  string(REGEX MATCH "-fsanitize=[^ ]*thread" thread "${flags}")
  _raceshim_cover_check("${flags}" ${arg_MODE} "${thread}")
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    _raceshim_cover_gcc(${arg_MODE} "${thread}")
  else()
    _raceshim_cover_clang(${arg_MODE} "${thread}")
  endif()
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:C,CXX>:${compile}>")

  get_target_property(type ${target} TYPE)
  if(NOT type MATCHES "^(EXECUTABLE|SHARED_LIBRARY|MODULE_LIBRARY)$")
    return() # what links it has the registrar: call raceshim_cover() for that, too
  endif()
  list(FIND modes ${arg_MODE} place)
  list(GET numbers ${place} mode)
  list(APPEND definitions RSH_COVER_MODE=${mode})
  if(flags MATCHES " -enable-single-byte-coverage(=true|=1)? ")
    list(APPEND definitions RSH_COVER_COUNTER_SIZE=1)
  endif()
  if(type STREQUAL "EXECUTABLE")
    list(APPEND definitions RSH_COVER_PROGRAM=1)
    # Libraries that are loaded later find the program's library.
    list(APPEND link "LINKER:--export-dynamic-symbol=rsh_cover_*")
    # Nobody else asks a static libc for the functions that are wrapped.
    foreach(function IN LISTS wrapped)
      list(APPEND link "LINKER:-u,${function}")
    endforeach()
  endif()

  get_property(sources GLOBAL PROPERTY RACESHIM_COVER_SOURCES)
  add_library(${target}_raceshim_cover OBJECT ${sources}/${source})
  set_target_properties(
    ${target}_raceshim_cover
    PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden C_EXTENSIONS ON
               C_STANDARD 11 INTERPROCEDURAL_OPTIMIZATION OFF UNITY_BUILD OFF
  )
  target_compile_definitions(${target}_raceshim_cover PRIVATE ${definitions})
  target_compile_options(
    ${target}_raceshim_cover PRIVATE -w -fno-sanitize=all ${plain} -fno-lto -fno-stack-protector
  )
  target_link_libraries(${target}_raceshim_cover PRIVATE raceshim::shim)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_raceshim_cover>)
  list(TRANSFORM wrapped PREPEND "LINKER:--wrap=")
  target_link_options(${target} PRIVATE ${link} ${wrapped})
  target_link_libraries(${target} PRIVATE raceshim::shim)
endfunction()
