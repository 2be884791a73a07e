# SPDX-License-Identifier: BSD-2-Clause
#
# The installed tree: headers, libraries, and files for CMake and pkg-config that keep working when
# the tree is moved. One export set per component, so that each can be installed by itself.

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/raceshim)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(share_dir ${CMAKE_INSTALL_DATADIR}/raceshim)
set(source_dir ${share_dir}/src)

install(
  TARGETS rsh_annotations
  EXPORT raceshim-annotations
  FILE_SET HEADERS COMPONENT annotations
)
install(
  TARGETS rsh_shim rsh_shim_shared
  EXPORT raceshim-shim
  ARCHIVE COMPONENT shim
  LIBRARY COMPONENT shim
  FILE_SET HEADERS COMPONENT shim
)
install(
  TARGETS rsh_heap rsh_heap_shared
  EXPORT raceshim-shim
  ARCHIVE COMPONENT shim
  LIBRARY COMPONENT shim
)
install(TARGETS rsh_canary rsh_perturb rsh_shim_locks LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT shim)
install(TARGETS rsh_heap_wrapped rsh_schedules ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT shim)
foreach(component annotations shim)
  install(
    EXPORT raceshim-${component}
    FILE raceshim-${component}-targets.cmake
    NAMESPACE raceshim::
    DESTINATION ${package_dir}
    COMPONENT ${component}
  )
endforeach()

set(package_files ${PROJECT_BINARY_DIR}/package)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/shim/cmake/raceshim-config.cmake.in ${package_files}/raceshim-config.cmake
  INSTALL_DESTINATION ${package_dir}
  PATH_VARS share_dir
  NO_SET_AND_CHECK_MACRO
)
write_basic_package_version_file(
  ${package_files}/raceshim-config-version.cmake COMPATIBILITY SameMinorVersion
)
install(
  FILES ${PROJECT_SOURCE_DIR}/cmake/raceshim-cover.cmake
  DESTINATION ${package_dir}
  COMPONENT shim
)
# The shim needs the annotations, so theirs is the component that brings the package's own files.
install(
  FILES ${package_files}/raceshim-config.cmake ${package_files}/raceshim-config-version.cmake
  DESTINATION ${package_dir}
  COMPONENT annotations
)

file(RELATIVE_PATH prefix_of_pc /${pkgconfig_dir} /)
string(REGEX REPLACE "/$" "" prefix_of_pc "${prefix_of_pc}")
foreach(name_component "raceshim-annotations annotations" "raceshim shim")
  separate_arguments(name_component)
  list(POP_FRONT name_component name component)
  configure_file(${PROJECT_SOURCE_DIR}/shim/cmake/${name}.pc.in ${package_files}/${name}.pc @ONLY)
  install(
    FILES ${package_files}/${name}.pc
    DESTINATION ${pkgconfig_dir}
    COMPONENT ${component}
  )
endforeach()

# What the user's own compiler compiles into every link unit.
install(
  DIRECTORY ${PROJECT_SOURCE_DIR}/shim/share/
  DESTINATION ${share_dir}
  COMPONENT shim
)

# Sources, which add_subdirectory() takes like a checkout.
install(
  FILES ${PROJECT_SOURCE_DIR}/CMakeLists.txt
  DESTINATION ${source_dir}
  COMPONENT sources
)
install(
  DIRECTORY ${PROJECT_SOURCE_DIR}/annotations ${PROJECT_SOURCE_DIR}/cmake ${PROJECT_SOURCE_DIR}/shim
  DESTINATION ${source_dir}
  COMPONENT sources
)
