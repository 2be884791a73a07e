# SPDX-License-Identifier: BSD-2-Clause
#
# cmake -DLD=ld -DNM=nm -DOBJCOPY=objcopy "-DOBJECTS=a.o|b.o" -DOUTPUT=c.o -P rename_symbols.cmake:
# one object of several, in which all that they define, and nothing else, has a prefix. It keeps
# `rsh_cover_` in front, which is what programs with coverage export to their libraries.

set(PREFIX rsh_cover_own_)
cmake_policy(VERSION 3.25)

string(REPLACE "|" ";" OBJECTS "${OBJECTS}")
execute_process(COMMAND ${LD} -r -o ${OUTPUT}.tmp ${OBJECTS} COMMAND_ERROR_IS_FATAL ANY)
execute_process(
  COMMAND ${NM} --format=posix --extern-only --defined-only ${OUTPUT}.tmp
  OUTPUT_VARIABLE symbols
  COMMAND_ERROR_IS_FATAL ANY
)
string(REGEX REPLACE "([^ \n]+) [^\n]*" "\\1 ${PREFIX}\\1" symbols "${symbols}")
# One callback for each process: the shim's own, which tells the collector.
string(APPEND symbols "__sanitizer_set_death_callback ${PREFIX}no_death_callback\n")
# Defined beside the copy, which the linker takes instead.
foreach(function rshi_end_catch_sig rshi_end_say_sig)
  string(REGEX REPLACE "(^|\n)${function} [^\n]*" "" symbols "${symbols}")
  string(APPEND symbols "${function} ${PREFIX}${function}\n")
  list(APPEND weaken --weaken-symbol=${function})
endforeach()
file(WRITE ${OUTPUT}.symbols "${symbols}")
execute_process(
  COMMAND ${OBJCOPY} --redefine-syms=${OUTPUT}.symbols ${weaken} ${OUTPUT}.tmp ${OUTPUT}
  COMMAND_ERROR_IS_FATAL ANY
)
