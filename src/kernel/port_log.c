// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/log.h: the kernel log, dm events, and properties of a target.  The module parameters of
 * that header are in module.c.
 */
#define DM_MSG_PREFIX "snapshots"

#include <dmsnap/port/log.h>
#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/hash.h>
#include <linux/kernel.h>

static struct dm_target *to_ti(const struct dmsnap_target *target)
{
	return (struct dm_target *)target;
}

/* %pE: what a user wrote, in a table or a message, adds no line and no escape sequence. */
void dmsnap_port_log(enum dmsnap_log_level level, const char *format, ...)
{
	char line[DMSNAP_LOG_BYTES];
	va_list args;
	int length;

	va_start(args, format);
	length = vscnprintf(line, sizeof(line), format, args);
	va_end(args);
	switch (level) {
	case DMSNAP_LOG_ERROR:
		DMERR("%*pE", length, line);
		break;
	case DMSNAP_LOG_WARNING:
		DMWARN("%*pE", length, line);
		break;
	case DMSNAP_LOG_INFO:
		DMINFO("%*pE", length, line);
		break;
	}
}

size_t dmsnap_port_format(char *buffer, size_t bytes, const char *format, ...)
{
	va_list args;
	int written;

	va_start(args, format);
	written = vscnprintf(buffer, bytes, format, args);
	va_end(args);
	return written;
}

void dmsnap_port_target_event(struct dmsnap_target *target, enum dmsnap_target_event event)
{
	dm_table_event(to_ti(target)->table);
}

uint64_t dmsnap_port_target_sectors(const struct dmsnap_target *target)
{
	return dm_table_get_size(to_ti(target)->table);
}

uint64_t dmsnap_port_target_end(const struct dmsnap_target *target)
{
	return to_ti(target)->begin + to_ti(target)->len;
}

bool dmsnap_port_target_suspended(const struct dmsnap_target *target)
{
	return dm_suspended(to_ti(target));
}

/*
 * "Once per place" is one bit per hash of the place.  Two places with the same bit share one
 * stack trace, but each logs its message.
 */
void dmsnap_port_warn(const char *what, const char *file, int line)
{
	static DECLARE_BITMAP(warned, 256);
	unsigned int bit = hash_64((unsigned long)file + line, 8);

	if (test_and_set_bit(bit, warned))
		pr_err_ratelimited(DM_FMT("assertion failed: %s, %s:%d"), what, file, line);
	else
		WARN(1, DM_FMT("assertion failed: %s, %s:%d"), what, file, line);
}
