// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU's TCG.  It counts how often each translated block is executed, and writes
 * "address instructions executions" for each at the end.  A repeated string instruction counts
 * once for each repetition, as in virtual time.
 *
 * Debian has no package with the header for plugins, so the parts of version 1 of the interface
 * that are used are declared here (docs/devel/tcg-plugins of QEMU 7.2).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define BUCKETS (1u << 18)

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*done)(qemu_plugin_id_t id,
							struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
					      void *counter, uint64_t value);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
				    void (*done)(qemu_plugin_id_t id, void *ctx), void *ctx);

EXPORT int qemu_plugin_version = 1;

struct block {
	uint64_t address;
	uint64_t instructions;
	uint64_t executions;
	struct block *next;
};

static struct block *blocks[BUCKETS];
static const char *output;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	uint64_t instructions = qemu_plugin_tb_n_insns(tb);
	struct block **bucket = &blocks[address * 0x9e3779b97f4a7c15ull >> 46];
	struct block *block = *bucket;

	(void)id;
	while (block && (block->address != address || block->instructions != instructions))
		block = block->next;
	if (!block) {
		block = calloc(1, sizeof(*block));
		if (!block)
			abort();
		block->address = address;
		block->instructions = instructions;
		block->next = *bucket;
		*bucket = block;
	}
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->executions,
						 1);
}

static void write_down(qemu_plugin_id_t id, void *ctx)
{
	FILE *file = fopen(output, "w");

	(void)id;
	(void)ctx;
	if (!file)
		return;
	for (unsigned int i = 0; i < BUCKETS; i++) {
		for (struct block *block = blocks[i]; block; block = block->next)
			fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", block->address,
				block->instructions, block->executions);
	}
	fclose(file);
}

/* Its only argument: output=FILE */
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "output=", 7))
		return -1;
	output = strdup(argv[0] + 7);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, write_down, NULL);
	return 0;
}
