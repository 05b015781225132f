# SPDX-License-Identifier: MIT
# Run by cpack when all files are staged, before they are packed: compresses what Debian wants
# compressed, and writes the control files that follow from what is there.
set(top ${CPACK_TEMPORARY_DIRECTORY})
get_filename_component(control ${CPACK_PACKAGE_DIRECTORY} ABSOLUTE)
set(control ${control}/debian)

file(GLOB_RECURSE long ${top}/*/usr/share/man/*.[1-9] ${top}/*/usr/share/doc/*/changelog)
foreach(file IN LISTS long)
  execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()

# Whatever is in /etc is the administrator's to change (Debian policy 10.7).
file(GLOB_RECURSE etc RELATIVE ${top}/tools ${top}/tools/etc/*)
list(SORT etc)
list(TRANSFORM etc PREPEND /)
list(JOIN etc "\n" text)
file(WRITE ${control}/tools/conffiles "${text}\n")

# No ABI promise before 1.0: who links with the library needs this very version.
file(WRITE ${control}/lib/shlibs "libiprep 0 libiprep0 (= ${CPACK_PACKAGE_VERSION})\n")

# cpack only warns without it, and makes packages that depend on nothing
find_program(shlibdeps dpkg-shlibdeps)
if(NOT shlibdeps)
  message(FATAL_ERROR "dpkg-shlibdeps is not installed: apt install dpkg-dev")
endif()
# Ours is not looked up: package.cmake says which version the programs need, and dpkg-shlibdeps would find
# that of the version installed here. cpack removes the file with the directory before it packs.
file(WRITE ${top}/tools/debian/shlibs.local "libiprep 0\n")

# What has debug information is stripped by cpack, which puts that into a package of its own.
find_program(readelf readelf REQUIRED)
find_program(strip strip REQUIRED)
file(GLOB_RECURSE binaries ${top}/tools/usr/bin/* ${top}/lib/usr/lib/*.so*)
foreach(file IN LISTS binaries)
  execute_process(COMMAND ${readelf} -SW ${file} OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
  if(NOT IS_SYMLINK ${file} AND NOT sections MATCHES " \\.debug_info ")
    execute_process(COMMAND ${strip} --strip-unneeded ${file} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
