# cpack -G DEB: packages as Debian cuts them. yodel has the programs, libyodel0.1 the shared library,
# whose name changes with its soname, libyodel-dev what is needed to compile and link.
#
# `cmake --workflow --preset deb` builds and packs with files where Debian has them; from any other
# build directory libraries come to /usr/lib, which works as well.
#
# The maintainer is who packs it: $DEBFULLNAME and $DEBEMAIL, as for Debian's own tools.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME yodel)
set(CPACK_PACKAGE_CONTACT "The yodel authors <yodel@example.org>")
if(DEFINED ENV{DEBFULLNAME} AND DEFINED ENV{DEBEMAIL})
    set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
# With DESTDIR, so that what is written at the installation (units) names /usr, too.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/packaging/finish.cmake)

set(CPACK_COMPONENTS_ALL programs library development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# What packaging/finish.cmake asks for.
set(CPACK_YODEL_SOURCE_DIR ${CMAKE_SOURCE_DIR})
get_target_property(soversion yodel SOVERSION)
set(library_package libyodel${soversion})
set(full_version ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})

set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME yodel)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAMS_DESCRIPTION "multi-core server, client and load generator for line protocols
yodel-server serves line protocols with one event loop per core: it echoes
lines, or bytes, keeps slow and silent clients in bounds, and ends or is
replaced without losing an answer.
.
yodel-client talks to it, or to any line server, from a terminal or a script.
.
flood puts load on a line server, checks every byte of every answer, and says
whether its figures can be trusted."
)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/packaging/postinst
    ${CMAKE_SOURCE_DIR}/packaging/prerm
    ${CMAKE_SOURCE_DIR}/packaging/postrm
)

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${library_package})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "line protocols with one event loop per core - shared library
Transports, protocols and streams as in Python's asyncio, for servers and
clients in C: framing, back-pressure, timeouts and orderly shutdown.
.
This package has the library that programs linked with it need to run."
)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/triggers)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libyodel-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "${library_package} (= ${full_version}), libev-dev, libc-ares-dev, libc6-dev"
)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "pkg-config, yodel")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "line protocols with one event loop per core - development files
Transports, protocols and streams as in Python's asyncio, for servers and
clients in C: framing, back-pressure, timeouts and orderly shutdown.
.
This package has the headers, the static library, and what pkg-config and
CMake need to find them."
)

include(CPack)
