# Writes yodel_version.h: cmake -D VERSION= -D SOURCE_DIR= -D GIT= -D OUTPUT= -P version.cmake
# In a tree that is no git checkout of its own (a tarball, perhaps inside another project's
# checkout), or without git, the commit is "unknown".

set(commit unknown)
if(GIT AND EXISTS ${SOURCE_DIR}/.git)
    execute_process(
        COMMAND ${GIT} -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
        OUTPUT_VARIABLE described
        RESULT_VARIABLE status
        ERROR_QUIET
        OUTPUT_STRIP_TRAILING_WHITESPACE
    )
    if(status EQUAL 0 AND described)
        set(commit ${described})
    endif()
endif()

file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
/* Written by cmake/version.cmake on every build. */
#ifndef YODEL_VERSION_H
#define YODEL_VERSION_H

#define YODEL_VERSION "@VERSION@"
#define YODEL_COMMIT "@commit@"

#endif
]])
