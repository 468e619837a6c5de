/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log lines, events to user space, and module parameters.
 */
#ifndef DMSNAP_PORT_LOG_H
#define DMSNAP_PORT_LOG_H

#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmsnap_target;

enum dmsnap_log_level {
	DMSNAP_LOG_ERROR,
	DMSNAP_LOG_WARNING,
	DMSNAP_LOG_INFO,
};

/** With the NUL; what is longer is cut. */
#define DMSNAP_LOG_BYTES 320

/**
 * dmsnap_port_log() - one line to the kernel log, as "device-mapper: snapshots: ...".
 * @level: how bad it is
 * @format: as for printf(); only basic C types (%llu, %u, %s, %d)
 * @...: the arguments of @format
 *
 * Characters that cannot be printed are escaped as the kernel's %pE does it, so the arguments
 * may be words of a user.
 *
 * Context: Any.
 */
void dmsnap_port_log(enum dmsnap_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * dmsnap_port_format() - like scnprintf(): writes at most @bytes,
 * including the NUL.
 * @buffer: where the text goes
 * @bytes: size of @buffer
 * @format: as for printf()
 * @...: the arguments of @format
 *
 * Context: Any.
 * Return: characters written, without the NUL; < @bytes (0 if @bytes is 0).
 */
size_t dmsnap_port_format(char *buffer, size_t bytes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

enum dmsnap_target_event {
	/** The snapshot is invalid, and its store was marked so if possible. */
	DMSNAP_EVENT_INVALID,
	DMSNAP_EVENT_OVERFLOW,
	/** Usage of the COW device has passed the low-water mark. */
	DMSNAP_EVENT_LOW_WATER,
	/** Writes wait for the COW device to be extended. */
	DMSNAP_EVENT_NO_ROOM,
	DMSNAP_EVENT_MERGED,
	DMSNAP_EVENT_MERGE_FAILED,
};

/**
 * dmsnap_port_target_event() - wake waiters for an event of the target's device.
 * @target: the target
 * @event: what happened; dm reports only that something happened
 *
 * Context: Process context, a mutex may be held. May sleep.
 */
void dmsnap_port_target_event(struct dmsnap_target *target, enum dmsnap_target_event event);

/**
 * dmsnap_port_target_sectors() - length of the whole table of @target.
 * @target: the target, as dm core handed it to the constructor
 *
 * In a constructor this covers only the targets loaded before this one.
 *
 * Context: Any.
 * Return: sectors.
 */
uint64_t dmsnap_port_target_sectors(const struct dmsnap_target *target);

/**
 * dmsnap_port_target_end() - the sector after the last one of @target in its table.
 * @target: the target, as dm core handed it to the constructor
 *
 * Context: Any.
 * Return: sector.
 */
uint64_t dmsnap_port_target_end(const struct dmsnap_target *target);

/**
 * dmsnap_port_target_suspended() - is the mapped device of @target suspended?
 * @target: the target, as dm core handed it to the constructor
 *
 * Context: Process context, a mutex may be held.
 * Return: true if it is.
 */
bool dmsnap_port_target_suspended(const struct dmsnap_target *target);

/**
 * dmsnap_port_cow_threshold() - module parameter snapshot_cow_threshold.
 *
 * Context: Any.
 * Return: chunks.
 */
unsigned int dmsnap_port_cow_threshold(void);

/**
 * dmsnap_port_copy_throttle() - module parameter snapshot_copy_throttle.
 *
 * Context: Any.
 * Return: percent.
 */
unsigned int dmsnap_port_copy_throttle(void);

/**
 * dmsnap_port_copy_ahead() - module parameter copy_ahead; 0: off.
 *
 * Context: Any.
 * Return: KiB.
 */
unsigned int dmsnap_port_copy_ahead(void);

/**
 * dmsnap_port_origin_discards() - module parameter origin_discards.
 *
 * Context: Any.
 * Return: true if a new table offers discards of its origin.
 */
bool dmsnap_port_origin_discards(void);

/**
 * dmsnap_port_no_space_timeout() - module parameter no_space_timeout; 0: no limit.
 *
 * Context: Any.
 * Return: seconds.
 */
unsigned int dmsnap_port_no_space_timeout(void);

/**
 * dmsnap_port_stall_on_full() - module parameter stall_on_full: the default for all snapshots.
 *
 * Context: Any.
 * Return: true if writes wait for a full COW device to be extended unless configured
 * otherwise.
 */
bool dmsnap_port_stall_on_full(void);

/**
 * dmsnap_port_low_water() - module parameter low_water; 0: none.
 *
 * Context: Any.
 * Return: percent.
 */
unsigned int dmsnap_port_low_water(void);

/**
 * dmsnap_port_refuse_bad_store() - module parameter refuse_bad_store: refuse a
 * table whose store cannot be used?  Otherwise its snapshot is invalid.
 *
 * Context: Any.
 * Return: true if it is refused.
 */
bool dmsnap_port_refuse_bad_store(void);

/**
 * dmsnap_port_warn() - an assertion of the core failed: log @what, with a stack trace
 * once per place.  The core goes on in a safe state.
 * @what: the assertion, as text
 * @file: where it is
 * @line: where it is in @file
 *
 * Context: Any.
 */
void dmsnap_port_warn(const char *what, const char *file, int line);

#ifdef __cplusplus
}
#endif

#endif
