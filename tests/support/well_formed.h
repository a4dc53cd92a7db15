/*
 * A strict look at HTML that a program of ours has written.
 */
#ifndef YODEL_TESTS_WELL_FORMED_H
#define YODEL_TESTS_WELL_FORMED_H

/* Fails the test unless every tag is closed, in the right order, all attributes have quoted values,
 * each & starts a reference, and there is no control character but newline. The doctype is
 * optional, the content of <style> is not looked at. */
void test_well_formed(const char *page);

#endif
