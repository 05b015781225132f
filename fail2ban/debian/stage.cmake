# SPDX-License-Identifier: MIT
# Run by cpack after all files are staged and before they are packed: compresses the files that Debian
# policy requires to be compressed, and writes the generated control files.
set(top ${CPACK_TEMPORARY_DIRECTORY})
get_filename_component(control ${CPACK_PACKAGE_DIRECTORY} ABSOLUTE)
set(control ${control}/debian)

file(GLOB_RECURSE long ${top}/*/usr/share/man/*.[1-9] ${top}/*/usr/share/doc/*/changelog)
foreach(file IN LISTS long)
  execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()

# Files in /etc belong to the administrator (Debian policy 10.7).
file(GLOB_RECURSE etc RELATIVE ${top}/tools ${top}/tools/etc/*)
list(SORT etc)
list(TRANSFORM etc PREPEND /)
list(JOIN etc "\n" text)
file(WRITE ${control}/tools/conffiles "${text}\n")

# The ABI is not stable before 1.0: programs linked with the library need exactly this version.
file(WRITE ${control}/lib/shlibs "libiprep 0 libiprep0 (= ${CPACK_PACKAGE_VERSION})\n")

# Without it cpack only warns, and makes packages without dependencies.
find_program(shlibdeps dpkg-shlibdeps)
if(NOT shlibdeps)
  message(FATAL_ERROR "dpkg-shlibdeps is not installed: apt install dpkg-dev")
endif()
# dpkg-shlibdeps must not look up libiprep: it would find the version installed on this host. package.cmake
# sets the version that the programs need. cpack removes this file together with its directory.
file(WRITE ${top}/tools/debian/shlibs.local "libiprep 0\n")

# cpack strips files with debug information and moves that into a separate package. Others are stripped here.
find_program(readelf readelf REQUIRED)
find_program(strip strip REQUIRED)
file(GLOB_RECURSE binaries ${top}/tools/usr/bin/* ${top}/lib/usr/lib/*.so*)
foreach(file IN LISTS binaries)
  execute_process(COMMAND ${readelf} -SW ${file} OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
  if(NOT IS_SYMLINK ${file} AND NOT sections MATCHES " \\.debug_info ")
    execute_process(COMMAND ${strip} --strip-unneeded ${file} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
