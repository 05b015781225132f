# SPDX-License-Identifier: MIT
# Packages. Debian: cmake -DCMAKE_INSTALL_PREFIX=/usr …, then "cpack -G DEB" in the build directory.
# Source: "cpack --config CPackSourceConfig.cmake", with any prefix.
# Component tools becomes iprep, lib libiprep0, and dev libiprep-dev; other files are not packaged.
set(debian ${CMAKE_CURRENT_LIST_DIR}/debian)
set(CPACK_VERBATIM_VARIABLES ON)
# Settings for only one of the two kinds are in config.cmake.
set(CPACK_PROJECT_CONFIG_FILE ${debian}/config.cmake)
set(CPACK_PACKAGE_CONTACT "the iprep authors <maintainers@iprep.invalid>")
# Otherwise it would be the first line of all three descriptions.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_VENDOR "the iprep authors")
set(CPACK_SOURCE_GENERATOR TGZ)
set(CPACK_SOURCE_PACKAGE_FILE_NAME iprep-${PROJECT_VERSION})
# source.cmake copies the files.
set(CPACK_SOURCE_INSTALLED_DIRECTORIES "")
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  include(CPack)
  return()
endif()
set(staged ${CMAKE_BINARY_DIR}/debian)
set(same "(= ${PROJECT_VERSION})")

# The same source makes the same packages in any directory.
target_compile_options(iprep_flags INTERFACE -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.
  -ffile-prefix-map=${PROJECT_BINARY_DIR}=.)
set_target_properties(rep-check rep-report rep-purge PROPERTIES BUILD_RPATH_USE_ORIGIN ON)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
  GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL tools lib dev)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# dpkg-shlibdeps finds the library of the programs here.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/lib)
# Strips as well. Files without debug information are stripped by stage.cmake and get no dbgsym package.
set(CPACK_DEBIAN_DEBUGINFO_PACKAGE ON)

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME iprep)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION net)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "libiprep0 ${same}, adduser, python3:any")
# A mail server is only suggested: otherwise apt would install one that listens on the network.
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS "fail2ban, logrotate, ca-certificates")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS
  "default-mta | mail-transport-agent, unbound | local-caching-dns-server, cron | cron-daemon")
set(CPACK_DEBIAN_TOOLS_DESCRIPTION "IP reputation for fail2ban
iprep looks up the addresses that attack this host in DNS lists (DNSBLs) and
AbuseIPDB. If an address is listed, fail2ban bans it for a day or a year
instead of minutes. Suspicious log lines that prove nothing alone lead to a
ban if the address is listed. Addresses banned by a jail are reported to
AbuseIPDB once, without log lines or user names.
.
The fail2ban hooks only write to disk and never wait for the network. All
jails are disabled until the administrator enables them.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_CONTROL_EXTRA
  "${debian}/postinst;${debian}/prerm;${debian}/postrm;${staged}/tools/conffiles")

set(CPACK_DEBIAN_LIB_PACKAGE_NAME libiprep0)
set(CPACK_DEBIAN_LIB_PACKAGE_SECTION libs)
# For STRICT tables; no symbol of the library implies this version.
set(CPACK_DEBIAN_LIB_PACKAGE_DEPENDS "libsqlite3-0 (>= 3.37)")
set(CPACK_DEBIAN_LIB_DESCRIPTION "IP reputation for fail2ban (library)
libiprep looks up addresses in DNS lists (DNSBLs) and AbuseIPDB, adds up the
points that they give, and stores reports and blocks in SQLite.
.
This package contains the shared library and its network module.")
set(CPACK_DEBIAN_LIB_PACKAGE_CONTROL_EXTRA "${debian}/triggers;${staged}/lib/shlibs")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libiprep-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libiprep0 ${same}")
# the manual pages that libiprep(3) names
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "iprep")
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEV_DESCRIPTION "IP reputation for fail2ban (development files)
libiprep looks up addresses in DNS lists (DNSBLs) and AbuseIPDB, adds up the
points that they give, and stores reports and blocks in SQLite.
.
This package contains the header and the files for pkg-config and CMake.")

foreach(component TOOLS LIB DEV)
  set(CPACK_DEBIAN_${component}_PACKAGE_PRIORITY optional)
endforeach()
include(CPack)
