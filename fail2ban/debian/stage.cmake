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
