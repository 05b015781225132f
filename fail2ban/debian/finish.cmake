# SPDX-License-Identifier: MIT
# Run by cpack after it has made the packages. cpack adds scripts that call ldconfig to a library package.
# They are removed, because Debian uses a trigger instead (policy 8.1.1).
foreach(deb IN LISTS CPACK_PACKAGE_FILES)
  if(deb MATCHES "/libiprep0_[^/]*\\.deb$")
    set(open ${CPACK_TEMPORARY_DIRECTORY}/open)
    file(REMOVE_RECURSE ${open})
    execute_process(COMMAND dpkg-deb -R ${deb} ${open} COMMAND_ERROR_IS_FATAL ANY)
    file(REMOVE ${open}/DEBIAN/postinst ${open}/DEBIAN/postrm)
    execute_process(COMMAND dpkg-deb --root-owner-group -Zxz -b ${open} ${deb}
      OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
