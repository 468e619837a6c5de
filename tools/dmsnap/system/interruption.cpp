// SPDX-License-Identifier: GPL-2.0-only
#include "system/interruption.hpp"

namespace dmsnap::tool {
namespace {

volatile sig_atomic_t noted;

void note(int)
{
	noted = 1;
}

} // namespace

Interruption::Interruption()
{
	struct sigaction action = {};
	action.sa_handler = note;
	noted = 0;
	for (size_t i = 0; i < signals.size(); i++) {
		sigaction(signals[i], nullptr, &before_[i]);
		/* A signal that is ignored, as under nohup, stays ignored. */
		if (before_[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &action, nullptr);
	}
}

Interruption::~Interruption()
{
	for (size_t i = 0; i < signals.size(); i++)
		sigaction(signals[i], &before_[i], nullptr);
}

bool Interruption::is_there() const
{
	return noted != 0;
}

} // namespace dmsnap::tool
