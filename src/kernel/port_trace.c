// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/trace.h: a tracepoint for each kind.
 */
#include <dmsnap/port/trace.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

void dmsnap_port_trace(const struct dmsnap_trace *trace)
{
	switch (trace->kind) {
	case DMSNAP_TRACE_COPY_BEGIN:
		trace_dmsnap_copy_begin(trace);
		break;
	case DMSNAP_TRACE_COPY_DONE:
		trace_dmsnap_copy_done(trace);
		break;
	case DMSNAP_TRACE_COPY_SETTLED:
		trace_dmsnap_copy_settled(trace);
		break;
	case DMSNAP_TRACE_COMMIT:
		trace_dmsnap_commit(trace);
		break;
	case DMSNAP_TRACE_MERGE_BATCH:
		trace_dmsnap_merge_batch(trace);
		break;
	}
}
