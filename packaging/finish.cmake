# cpack runs this over the directories that are to become packages: what Debian wants to find in
# them and `cmake --install` does not put there.

find_program(gzip gzip REQUIRED)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # or SOURCE_DATE_EPOCH

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
    set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component})
    string(TOUPPER ${component} upper)
    set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
    set(doc ${root}/usr/share/doc/${package})

    file(MAKE_DIRECTORY ${doc})
    configure_file(${CPACK_YODEL_SOURCE_DIR}/LICENSE ${doc}/copyright COPYONLY)
    configure_file(${CPACK_YODEL_SOURCE_DIR}/CHANGELOG.md ${doc}/changelog COPYONLY)
    file(WRITE ${doc}/changelog.Debian
"yodel (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Version ${CPACK_PACKAGE_VERSION}: changelog.gz says what is new.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
"
    )
    file(GLOB_RECURSE compress ${root}/usr/share/man/*)
    execute_process(
        COMMAND ${gzip} --force --best --no-name ${compress} ${doc}/changelog ${doc}/changelog.Debian
        COMMAND_ERROR_IS_FATAL ANY
    )
endforeach()
