// SPDX-License-Identifier: GPL-2.0-only
/*
 * Continuation: what follows an I/O.  The port reports the end of an I/O in any context; the
 * continuation carries its result to a worker, and calls a member function of its owner there.
 *
 *	dmsnap_port_io_submit(..., written_.on(worker), ...)
 *
 * is one I/O.  It may be submitted again from the member function, or the owner freed there.
 */
#pragma once

#include "base/worker.hpp"

namespace dmsnap {

template <typename Owner, void (Owner::*method)(int error)> class Continuation : public Task {
public:
	explicit Continuation(Owner &owner)
	    : Task([](Task &task) {
		      auto &self = static_cast<Continuation &>(task);
		      (self.owner_.*method)(self.error_);
	      }),
	      owner_(owner)
	{
	}

	/*
	 * The context of an I/O whose end is ended().  At most one I/O at a time.
	 * @worker: runs the member function; must outlive the I/O.
	 */
	void *on(Worker &worker)
	{
		worker_ = &worker;
		return this;
	}

	/* A dmsnap_io_done.  Context: any; takes the worker's lock. */
	static void ended(void *ctx, int error)
	{
		auto *self = static_cast<Continuation *>(ctx);
		self->post(*self->worker_, error);
	}

	/* As if an I/O had ended with @error: 0 or a negative errno.  Context: any. */
	void post(Worker &worker, int error)
	{
		error_ = error;
		worker.post(*this);
	}

private:
	Owner &owner_;
	Worker *worker_ = nullptr;
	int error_ = 0;
};

} // namespace dmsnap
