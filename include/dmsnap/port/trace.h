/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core tells those who trace it.  The kernel binding makes tracepoints of it
 * (src/kernel/trace.h), for perf, bpftrace and tracefs.
 */
#ifndef DMSNAP_PORT_TRACE_H
#define DMSNAP_PORT_TRACE_H

#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dmsnap_trace_kind {
	/** A copy-out begins: chunks have been allocated, nothing is read yet. */
	DMSNAP_TRACE_COPY_BEGIN,
	/** Its data is on the COW device, or something failed; @us since its begin. */
	DMSNAP_TRACE_COPY_DONE,
	/** It is recorded and no read is on its way to the origin; @us since the record. */
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
	/** First chunk on the origin and on the COW device, of a copy. */
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
 * dmsnap_port_trace() - report an event.  Costs next to nothing while nobody traces.
 * @trace: what happened; read during the call only
 *
 * Context: Any.
 */
void dmsnap_port_trace(const struct dmsnap_trace *trace);

#ifdef __cplusplus
}
#endif

#endif
