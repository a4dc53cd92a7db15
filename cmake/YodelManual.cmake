# Manual pages and completions, written from what the programs say themselves (tools/options).
#
# Where scdoc or python3 is missing, or the programs cannot just be run (built for another machine, or
# with sanitizers, which may need setarch), there are none, unless YODEL_MANUAL asks for them.

option(YODEL_MANUAL "Fail where manual pages and completions cannot be made" OFF)
find_program(YODEL_SCDOC scdoc)
find_package(Python3 COMPONENTS Interpreter QUIET)
mark_as_advanced(YODEL_SCDOC)

set(missing "")
if(NOT YODEL_SCDOC)
    string(APPEND missing " scdoc")
endif()
if(NOT Python3_Interpreter_FOUND)
    string(APPEND missing " python3")
endif()
if(missing)
    set(missing "apt-get install${missing}")
elseif(YODEL_SANITIZE OR (CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR))
    set(missing "the programs cannot be run here")
endif()
if(missing)
    set(reason "No manual pages and completions: ${missing}")
    if(YODEL_MANUAL)
        message(FATAL_ERROR "${reason}")
    endif()
    message(STATUS "${reason}")
    return()
endif()

set(YODEL_MANUAL_DIR ${CMAKE_BINARY_DIR}/manual)
file(MAKE_DIRECTORY ${YODEL_MANUAL_DIR})
file(GLOB generator CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/options/*.py)
add_custom_target(manual ALL)

# yodel_page(<page> <source> <component>): one that scdoc makes.
function(yodel_page page source component)
    set(output ${YODEL_MANUAL_DIR}/${page})
    add_custom_command(OUTPUT ${output}
        COMMAND ${YODEL_SCDOC} < ${source} > ${output}.new
        COMMAND ${CMAKE_COMMAND} -E rename ${output}.new ${output}
        DEPENDS ${source}
        COMMENT "Manual page ${page}"
    )
    add_custom_target(manual-${page} DEPENDS ${output})
    add_dependencies(manual manual-${page})
    string(REGEX REPLACE ".*\\." "" section ${page})
    install(FILES ${output} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section}
        COMPONENT ${component}
    )
endfunction()

# Each shell looks for others' completions in a place of its own. zsh as Debian builds it does not
# look into /usr/share/zsh/site-functions.
set(zsh_dir ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
if(CMAKE_INSTALL_PREFIX STREQUAL /usr AND EXISTS /etc/debian_version)
    set(zsh_dir ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
endif()

get_property(programs GLOBAL PROPERTY YODEL_PROGRAMS)
foreach(program IN LISTS programs)
    set(stem ${YODEL_MANUAL_DIR}/${program})
    set(template ${CMAKE_SOURCE_DIR}/man/${program}.1.scd)
    add_custom_command(
        OUTPUT ${stem}.1.scd ${stem}.bash ${stem}.zsh ${stem}.fish
        COMMAND Python3::Interpreter -B ${CMAKE_SOURCE_DIR}/tools/options/generate.py
            ${program} $<TARGET_FILE:${program}> ${template} ${PROJECT_VERSION} ${YODEL_MANUAL_DIR}
        DEPENDS ${program} ${template} ${generator}
        COMMENT "Manual page and completions of ${program}"
        VERBATIM
    )
    yodel_page(${program}.1 ${stem}.1.scd programs)
    install(FILES ${stem}.bash RENAME ${program} COMPONENT programs
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
    )
    install(FILES ${stem}.zsh RENAME _${program} COMPONENT programs DESTINATION ${zsh_dir})
    install(FILES ${stem}.fish COMPONENT programs
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
    )
endforeach()

configure_file(man/libyodel.7.scd ${YODEL_MANUAL_DIR}/libyodel.7.scd @ONLY)
yodel_page(libyodel.7 ${YODEL_MANUAL_DIR}/libyodel.7.scd development)
