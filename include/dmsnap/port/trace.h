/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events of the core.  The kernel binding makes tracepoints of them
 * (src/kernel/trace.h), for perf, bpftrace and tracefs.
 */
#ifndef DMSNAP_PORT_TRACE_H
#define DMSNAP_PORT_TRACE_H

#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dmsnap_trace_kind {
	/** A copy-out begins: chunks are allocated, nothing has been read yet. */
	DMSNAP_TRACE_COPY_BEGIN,
	/** Its data is on the COW device, or an I/O failed; @us since its begin. */
	DMSNAP_TRACE_COPY_DONE,
	/** It is recorded, and no read of the origin is under way; @us since it was recorded. */
	DMSNAP_TRACE_COPY_SETTLED,
	/** A commit of @count runs has ended; @us since its begin. */
	DMSNAP_TRACE_COMMIT,
	/** @count chunks were merged, as one batch; @us since its begin. */
	DMSNAP_TRACE_MERGE_BATCH,
};

struct dmsnap_trace {
	enum dmsnap_trace_kind kind;
	/** dmsnap_port_device_id() of the COW device. */
	uint64_t cow;
	/** For a copy: its first chunk on the origin and on the COW device. */
	uint64_t old_chunk;
	uint64_t new_chunk;
	/** Chunks, or runs. */
	uint64_t count;
	/** Microseconds. */
	uint64_t us;
	/** Did it fail? */
	bool failed;
};

/**
 * dmsnap_port_trace() - report an event.  Costs almost nothing while tracing is off.
 * @trace: what happened; read during the call only
 *
 * Context: Any.
 */
void dmsnap_port_trace(const struct dmsnap_trace *trace);

#ifdef __cplusplus
}
#endif

#endif
