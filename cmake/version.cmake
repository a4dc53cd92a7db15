# Writes yodel_version.h: cmake -D VERSION= -D SOURCE_DIR= -D GIT= -D OUTPUT= -P version.cmake
# The commit is git's, with "-dirty" when something else than that is there; in a tree that is no
# checkout of its own (perhaps inside another project's) it is what `git archive` wrote into
# commit.txt, or "unknown".

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
else()
    file(STRINGS ${SOURCE_DIR}/cmake/commit.txt archived REGEX "^[0-9a-f]+$")
    if(archived)
        string(SUBSTRING ${archived} 0 12 commit)
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
