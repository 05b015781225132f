# SPDX-License-Identifier: MIT
# Read by cpack first: the differences between the Debian packages and the source package.
get_filename_component(here ${CMAKE_CURRENT_LIST_FILE} DIRECTORY)

# As in dpkg-buildpackage: no timestamp in a package is newer, so the same source makes the same package.
find_program(parsechangelog dpkg-parsechangelog)
if(parsechangelog AND NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  execute_process(COMMAND ${parsechangelog} -l ${here}/changelog -S Timestamp OUTPUT_VARIABLE epoch
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(ENV{SOURCE_DATE_EPOCH} ${epoch})
endif()

if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_PRE_BUILD_SCRIPTS ${here}/stage.cmake)
  set(CPACK_POST_BUILD_SCRIPTS ${here}/finish.cmake)
elseif(CPACK_TOPLEVEL_TAG MATCHES "Source$")
  set(CPACK_INSTALL_SCRIPTS ${here}/source.cmake)
  set(CPACK_PACKAGING_INSTALL_PREFIX /)
else()
  message(FATAL_ERROR "only Debian packages and the source package can be made: configure with "
    "-DCMAKE_INSTALL_PREFIX=/usr for \"cpack -G DEB\", or use --config CPackSourceConfig.cmake")
endif()
