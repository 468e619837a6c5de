/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints, group "dmsnap": see <dmsnap/port/trace.h> for what they mean.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dmsnap

#if !defined(DMSNAP_KERNEL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DMSNAP_KERNEL_TRACE_H

#include <linux/kdev_t.h>
#include <linux/tracepoint.h>

#include <dmsnap/port/trace.h>

DECLARE_EVENT_CLASS(
	dmsnap_copy, TP_PROTO(const struct dmsnap_trace *trace), TP_ARGS(trace),
	TP_STRUCT__entry(__field(dev_t, cow) __field(u64, old_chunk) __field(u64, new_chunk)
				 __field(u64, chunks) __field(u64, us) __field(bool, failed)),
	TP_fast_assign(__entry->cow = trace->cow; __entry->old_chunk = trace->old_chunk;
		       __entry->new_chunk = trace->new_chunk; __entry->chunks = trace->count;
		       __entry->us = trace->us; __entry->failed = trace->failed;),
	TP_printk("cow=%d:%d old_chunk=%llu new_chunk=%llu chunks=%llu us=%llu failed=%d",
		  MAJOR(__entry->cow), MINOR(__entry->cow), __entry->old_chunk, __entry->new_chunk,
		  __entry->chunks, __entry->us, __entry->failed));

DEFINE_EVENT(dmsnap_copy, dmsnap_copy_begin, TP_PROTO(const struct dmsnap_trace *trace),
	     TP_ARGS(trace));
DEFINE_EVENT(dmsnap_copy, dmsnap_copy_done, TP_PROTO(const struct dmsnap_trace *trace),
	     TP_ARGS(trace));
DEFINE_EVENT(dmsnap_copy, dmsnap_copy_settled, TP_PROTO(const struct dmsnap_trace *trace),
	     TP_ARGS(trace));

DECLARE_EVENT_CLASS(dmsnap_batch, TP_PROTO(const struct dmsnap_trace *trace), TP_ARGS(trace),
		    TP_STRUCT__entry(__field(dev_t, cow) __field(u64, count) __field(u64, us)
					     __field(bool, failed)),
		    TP_fast_assign(__entry->cow = trace->cow; __entry->count = trace->count;
				   __entry->us = trace->us; __entry->failed = trace->failed;),
		    TP_printk("cow=%d:%d count=%llu us=%llu failed=%d", MAJOR(__entry->cow),
			      MINOR(__entry->cow), __entry->count, __entry->us, __entry->failed));

DEFINE_EVENT(dmsnap_batch, dmsnap_commit, TP_PROTO(const struct dmsnap_trace *trace),
	     TP_ARGS(trace));
DEFINE_EVENT(dmsnap_batch, dmsnap_merge_batch, TP_PROTO(const struct dmsnap_trace *trace),
	     TP_ARGS(trace));

#endif

/* Including this file again, from port_trace.c, generates the rest from the above. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
