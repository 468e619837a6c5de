// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "base/guard.hpp"
#include "base/worker.hpp"

namespace dmsnap {

/* Runs @body on @worker, and waits for it.  Context: process, sleeps; not on the worker. */
template <typename Body> void run_on(Worker &worker, Body body)
{
	struct Call : Task {
		explicit Call(Body &of)
		    : Task([](Task &task) {
			      auto &call = static_cast<Call &>(task);
			      call.body();
			      call.done.set();
		      }),
		      body(of)
		{
		}
		Body &body;
		Event done;
	} call(body);
	worker.post(call);
	call.done.wait();
}

} // namespace dmsnap
