# SPDX-License-Identifier: MIT
# find_package(iprep): gives the target iprep::iprep. What the library itself uses is its own affair.
include(${CMAKE_CURRENT_LIST_DIR}/iprep-targets.cmake)
