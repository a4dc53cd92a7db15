# What every target of this project is compiled and linked with: warnings, and either hardening or
# sanitizers (the two do not go together: fortified functions hide accesses from the sanitizers).

include(CheckCCompilerFlag)
include(CheckCSourceCompiles)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    # A function of the library that calls another one of the same file means that very function:
    # without this -fPIC would forbid inlining it.
    -fno-semantic-interposition
)
if(YODEL_WERROR)
    add_compile_options(-Werror)
endif()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported(LANGUAGES C)

if(YODEL_SANITIZE)
    list(JOIN YODEL_SANITIZE "," sanitizers)
    set(sanitize_options -fsanitize=${sanitizers} -fno-sanitize-recover=all)
    add_compile_options(${sanitize_options} -fno-omit-frame-pointer)
    add_link_options(${sanitize_options})
else()
    add_compile_options(-fstack-protector-strong)
    foreach(flag IN ITEMS -fstack-clash-protection -fcf-protection)
        string(MAKE_C_IDENTIFIER "YODEL_HAVE${flag}" have)
        check_c_compiler_flag(${flag} ${have})
        if(${have})
            add_compile_options(${flag})
        endif()
    endforeach()
    add_link_options(-Wl,-z,relro,-z,now)

    # Level 3 where compiler and libc both know it, else 2. It needs an optimising compiler, and some
    # distributions' compilers define a level of their own.
    set(CMAKE_REQUIRED_FLAGS "-O1 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
    check_c_source_compiles("#include <stdio.h>\nint main(void) { return 0; }" YODEL_HAVE_FORTIFY_3)
    unset(CMAKE_REQUIRED_FLAGS)
    set(fortify_level $<IF:$<BOOL:${YODEL_HAVE_FORTIFY_3}>,3,2>)
    add_compile_options("$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=${fortify_level}>")
endif()

if(YODEL_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "YODEL_FUZZ needs clang: configure with -DCMAKE_C_COMPILER=clang")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
