# Makes a file part of a program: cmake -D INPUT= -D VARIABLE= -D OUTPUT= -P embed.cmake
# The output is C: const unsigned char <variable>[] with the file's bytes, const size_t
# <variable>_len. The program has a header of its own that declares them.

file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
cmake_path(GET INPUT FILENAME name)

file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
/* Made of @name@ by cmake/embed.cmake. */
#include <stddef.h>

extern const unsigned char @VARIABLE@[];
extern const size_t @VARIABLE@_len;

const unsigned char @VARIABLE@[] = {
@bytes@
};
const size_t @VARIABLE@_len = sizeof(@VARIABLE@);
]])
