# yodel_lto(<program>)
#
# Links a program with the library's sources optimised as one (LTO), where the compiler can. The way
# of a turn, from the loop's callback to the system call and back, leads through several files, and
# is cold whenever it is taken: the kernel was there before. In fewer functions it is 1 to 3 % of
# the server's CPU shorter (tools/bench). The library itself is made of ordinary objects, which any
# compiler's program can be linked with, and any test that replaces a function (--wrap).

include(CheckCSourceCompiles)
include(CheckIPOSupported)

option(YODEL_LTO "Optimise yodel-server as one with the library, where the compiler can" ON)

if(YODEL_LTO AND NOT DEFINED YODEL_HAVE_LTO)
    check_ipo_supported(RESULT supported OUTPUT ignored LANGUAGES C)
    if(supported)
        # That does not know the linker, which may be another one (CMAKE_EXE_LINKER_FLAGS).
        list(JOIN CMAKE_C_COMPILE_OPTIONS_IPO " " CMAKE_REQUIRED_FLAGS)
        check_c_source_compiles("int main(void) { return 0; }" YODEL_HAVE_LTO)
        unset(CMAKE_REQUIRED_FLAGS)
    else()
        set(YODEL_HAVE_LTO OFF CACHE INTERNAL "")
    endif()
endif()

function(yodel_lto program)
    string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
    if(NOT YODEL_LTO OR NOT YODEL_HAVE_LTO OR type STREQUAL "DEBUG")
        return()
    endif()
    add_library(${program}-lto OBJECT ${YODEL_CORE_SOURCES} ${YODEL_PROTO_SOURCES})
    set_target_properties(${program}-lto PROPERTIES
        INCLUDE_DIRECTORIES "$<TARGET_PROPERTY:yodel-objects,INCLUDE_DIRECTORIES>"
        EXPORT_COMPILE_COMMANDS OFF # every source is there once already
    )
    # Objects come before the library, of which nothing is needed then.
    target_sources(${program} PRIVATE $<TARGET_OBJECTS:${program}-lto>)
    set_target_properties(${program} ${program}-lto PROPERTIES
        INTERPROCEDURAL_OPTIMIZATION_RELEASE ON
        INTERPROCEDURAL_OPTIMIZATION_RELWITHDEBINFO ON
        INTERPROCEDURAL_OPTIMIZATION_MINSIZEREL ON
    )
endfunction()
