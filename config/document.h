#pragma once
/* What is generated from the table for people: config/mcp-execd.yaml and docs/configuration.md. */
#include <stdio.h>

/* The example file: every key with its meaning, commented out at its default. */
void document_write_example(FILE *f);
/* The tables of the reference, in Markdown. The first line is DOCUMENT_MARK; what stands above it
 * in docs/configuration.md is written by hand. */
#define DOCUMENT_MARK "<!-- Generated from config/schema.c: make config-docs -->"
void document_write_reference(FILE *f);
