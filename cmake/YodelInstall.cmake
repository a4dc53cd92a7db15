# cmake --install: libraries, headers, pkg-config file, CMake package. Programs install themselves
# (YodelProgram.cmake), and so do manual pages (YodelManual.cmake). All of it is relocatable: the
# prefix may be chosen at installation, and the installed tree may be moved.
#
# Components, which Debian packages are made of (YodelPackage.cmake): `programs` with all that goes
# with them, `library`, which others' programs need to run, and `development`.

include(CMakePackageConfigHelpers)

install(TARGETS yodel yodel-static EXPORT yodelTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT library NAMELINK_COMPONENT development
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
)

foreach(room IN ITEMS core proto)
    file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${room}/*.h)
    list(REMOVE_ITEM headers ${YODEL_PRIVATE_HEADERS})
    install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/yodel/${room}
        COMPONENT development
    )
endforeach()

# pkg-config: the prefix is found from where yodel.pc lies.
set(pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix ${pc_dir} ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
foreach(name IN ITEMS LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE ${CMAKE_INSTALL_${name}})
        set(pc_${name} ${CMAKE_INSTALL_${name}})
    else()
        set(pc_${name} "\${prefix}/${CMAKE_INSTALL_${name}}")
    endif()
endforeach()
# libev has no file of its own for pkg-config: where it lies is said here, when that is no place that
# compilers look in anyway.
cmake_path(GET LIBEV_LIBRARY PARENT_PATH libev_dir)
set(pc_LIBEV_CFLAGS "")
set(pc_LIBEV_LIBS -lev)
if(NOT LIBEV_INCLUDE_DIR IN_LIST CMAKE_C_IMPLICIT_INCLUDE_DIRECTORIES)
    set(pc_LIBEV_CFLAGS " -I${LIBEV_INCLUDE_DIR}")
endif()
if(NOT libev_dir IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
    set(pc_LIBEV_LIBS "-L${libev_dir} -lev")
endif()
configure_file(cmake/yodel.pc.in ${CMAKE_BINARY_DIR}/yodel.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/yodel.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT development
)

# find_package(yodel): targets yodel::yodel and yodel::yodel-static.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/yodel)
configure_package_config_file(cmake/yodelConfig.cmake.in ${CMAKE_BINARY_DIR}/yodelConfig.cmake
    INSTALL_DESTINATION ${package_dir}
)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/yodelConfigVersion.cmake
    COMPATIBILITY SameMinorVersion
)
install(EXPORT yodelTargets NAMESPACE yodel:: DESTINATION ${package_dir} COMPONENT development)
install(FILES
    ${CMAKE_BINARY_DIR}/yodelConfig.cmake
    ${CMAKE_BINARY_DIR}/yodelConfigVersion.cmake
    cmake/FindLibev.cmake
    cmake/FindCares.cmake
    DESTINATION ${package_dir}
    COMPONENT development
)

# systemd looks here under /usr and /usr/local. The service names the program by its full path, so it
# is written when the prefix is certain: at the installation.
set(unit_dir lib/systemd/system)
install(FILES systemd/yodel.socket DESTINATION ${unit_dir} COMPONENT programs)
install(CODE "
    set(unit_source \"${CMAKE_SOURCE_DIR}/systemd/yodel.service.in\")
    set(unit \"\${CMAKE_INSTALL_PREFIX}/${unit_dir}/yodel.service\")
    cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX OUTPUT_VARIABLE unit_prefix)
    set(YODEL_BINDIR \"${CMAKE_INSTALL_BINDIR}\")
    cmake_path(ABSOLUTE_PATH YODEL_BINDIR BASE_DIRECTORY \"\${unit_prefix}\")
    message(STATUS \"Installing: \$ENV{DESTDIR}\${unit}\")
    configure_file(\"\${unit_source}\" \"\$ENV{DESTDIR}\${unit}\" @ONLY
        FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ
    )
    list(APPEND CMAKE_INSTALL_MANIFEST_FILES \"\${unit}\")
" COMPONENT programs)
