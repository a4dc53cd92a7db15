# yodel_find(<Name> <header> <library> <Debian package>): for libraries that ship no CMake package.
# Defines the target <Name>::<Name>, or fails naming what to install. For the programs only: what the
# library needs has a Find module of its own, which is installed for yodel's users.
function(yodel_find name header library package)
    string(TOUPPER ${name} upper)
    find_path(${upper}_INCLUDE_DIR ${header})
    find_library(${upper}_LIBRARY ${library})
    mark_as_advanced(${upper}_INCLUDE_DIR ${upper}_LIBRARY)
    if(NOT ${upper}_INCLUDE_DIR OR NOT ${upper}_LIBRARY)
        message(FATAL_ERROR
            "${name}'s header or library is missing: apt-get install ${package}")
    endif()
    add_library(${name}::${name} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(${name}::${name} PROPERTIES
        IMPORTED_LOCATION ${${upper}_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${${upper}_INCLUDE_DIR}
    )
endfunction()
