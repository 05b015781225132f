# SPDX-License-Identifier: MIT
# Run by cpack to fill the source package: in a git checkout with the files known to git; in an unpacked source
# package with all files in the directories of the project, except leftovers of editors and builds.
cmake_policy(VERSION 3.18)
get_filename_component(top ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
set(places cmd lib fail2ban tests .ci .github)
set(single CMakeLists.txt README.md LICENSE .clang-format .clang-tidy .editorconfig .git-blame-ignore-revs
  .gitattributes .gitignore)
set(leftovers "(~|\\.sw[a-p]|\\.orig|\\.rej|\\.bak|\\.o|\\.so|\\.a|\\.pyc|\\.d?deb)$|/#[^/]*#$|/\\.#|/__pycache__/")

if(EXISTS ${top}/.git)
  find_program(git git)
  if(NOT git)
    message(FATAL_ERROR "${top} is a git checkout, and git is not installed; install git")
  endif()
  # root may package a checkout that belongs to another user
  execute_process(COMMAND ${git} -c safe.directory=* -c core.quotePath=off ls-files WORKING_DIRECTORY ${top}
    OUTPUT_VARIABLE files COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "\n$" "" files "${files}")
  string(REPLACE "\n" ";" files "${files}")
else()
  set(files)
  foreach(place IN LISTS places)
    file(GLOB_RECURSE found RELATIVE ${top} ${top}/${place}/*)
    list(APPEND files ${found})
  endforeach()
  list(APPEND files ${single})
  list(FILTER files EXCLUDE REGEX "${leftovers}")
  file(GLOB_RECURSE builds RELATIVE ${top} ${top}/*/CMakeCache.txt)
  foreach(build IN LISTS builds)
    get_filename_component(build ${build} DIRECTORY)
    string(REGEX REPLACE "([][+.*()^$?|\\\\])" "\\\\\\1" build "${build}")
    list(FILTER files EXCLUDE REGEX "^${build}/")
  endforeach()
endif()

foreach(file IN LISTS files)
  if(EXISTS ${top}/${file} OR IS_SYMLINK ${top}/${file})
    get_filename_component(directory ${file} DIRECTORY)
    file(COPY ${top}/${file} DESTINATION ${CMAKE_INSTALL_PREFIX}/${directory})
  endif()
endforeach()
