# yodel_program(<name> DIRECTORY <dir> SOURCES <files but main.c>... [EMBEDDED <files>...]
#     [LIBRARIES <targets>...])
#
# Builds bin/<name> from <dir>/main.c and the sources, and installs it. Everything but main.c goes
# into the static library <name>-parts, which the unit tests link. A program may include
# "yodel_version.h" for YODEL_VERSION and YODEL_COMMIT. Embedded files become part of it, as
# yodel_embedded_<file> (embed.cmake).

set(YODEL_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)
find_package(Git QUIET)

# Runs on every build, and rewrites the header only when its content changes: a commit compiles
# again what shows the commit, a build without changes compiles nothing.
add_custom_target(yodel-version
    COMMAND ${CMAKE_COMMAND}
        -D VERSION=${PROJECT_VERSION}
        -D SOURCE_DIR=${CMAKE_SOURCE_DIR}
        -D GIT=${GIT_EXECUTABLE}
        -D OUTPUT=${YODEL_GENERATED_DIR}/yodel_version.h
        -P ${CMAKE_SOURCE_DIR}/cmake/version.cmake
    BYPRODUCTS ${YODEL_GENERATED_DIR}/yodel_version.h
    COMMENT ""
    VERBATIM
)

add_custom_target(programs)

function(yodel_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "DIRECTORY" "SOURCES;EMBEDDED;LIBRARIES")
    list(TRANSFORM arg_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/${arg_DIRECTORY}/)

    foreach(file IN LISTS arg_EMBEDDED)
        string(MAKE_C_IDENTIFIER "yodel_embedded_${file}" variable)
        set(output ${YODEL_GENERATED_DIR}/${variable}.c)
        add_custom_command(
            OUTPUT ${output}
            COMMAND ${CMAKE_COMMAND}
                -D INPUT=${CMAKE_SOURCE_DIR}/${arg_DIRECTORY}/${file}
                -D VARIABLE=${variable}
                -D OUTPUT=${output}
                -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
            DEPENDS ${CMAKE_SOURCE_DIR}/${arg_DIRECTORY}/${file} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
            COMMENT "Embedding ${arg_DIRECTORY}/${file}"
            VERBATIM
        )
        list(APPEND arg_SOURCES ${output})
    endforeach()

    add_library(${name}-parts STATIC ${arg_SOURCES})
    target_include_directories(${name}-parts PUBLIC ${YODEL_GENERATED_DIR})
    target_link_libraries(${name}-parts PUBLIC yodel-static ${arg_LIBRARIES})
    add_dependencies(${name}-parts yodel-version)

    add_executable(${name} ${arg_DIRECTORY}/main.c)
    target_link_libraries(${name} PRIVATE ${name}-parts)
    add_dependencies(programs ${name})

    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
    set_property(GLOBAL APPEND PROPERTY YODEL_PROGRAMS ${name})
    set_property(GLOBAL APPEND PROPERTY YODEL_PARTS ${name}-parts)
endfunction()
