// SPDX-License-Identifier: GPL-2.0-only
/* Plain<T>: a shared object that is not atomic; two accesses that race are a failure. */
#pragma once

#include "model/engine/model.hpp"

namespace dmsnap::model {

template <typename T> class Plain {
public:
	T get(Site site = Site::current()) const
	{
		plain_read(&value_, site);
		return value_;
	}
	void set(T value, Site site = Site::current())
	{
		plain_write(&value_, site);
		value_ = value;
	}

private:
	T value_{};
};

} // namespace dmsnap::model
