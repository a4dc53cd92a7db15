# Finds libev, which ships neither a pkg-config file nor a CMake package in Debian.
# Defines LIBEV_INCLUDE_DIR, LIBEV_LIBRARY and the target Libev::Libev. Installed beside
# yodelConfig.cmake, because who links libyodel statically needs it too.

find_path(LIBEV_INCLUDE_DIR ev.h PATH_SUFFIXES libev)
find_library(LIBEV_LIBRARY ev)
mark_as_advanced(LIBEV_INCLUDE_DIR LIBEV_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libev
    REQUIRED_VARS LIBEV_LIBRARY LIBEV_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "libev's header or library is missing: apt-get install libev-dev"
)

if(Libev_FOUND AND NOT TARGET Libev::Libev)
    add_library(Libev::Libev UNKNOWN IMPORTED)
    set_target_properties(Libev::Libev PROPERTIES
        IMPORTED_LOCATION ${LIBEV_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${LIBEV_INCLUDE_DIR}
    )
endif()
